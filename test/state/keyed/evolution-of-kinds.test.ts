import { expect, test } from 'vitest';
import type { UserError } from '../../../engine/base/errors.ts';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { StateDescriptor } from '../../../state/keyed/state.ts';
import { withAliases, withDefault, withDoc } from '../../../state/schema/attributes.ts';
import { decimal } from '../../../state/schema/decimal.ts';
import { enumeration } from '../../../state/schema/enumeration.ts';
import { optional } from '../../../state/schema/optional.ts';
import { array } from '../../../state/schema/collections.ts';
import { record } from '../../../state/schema/record.ts';
import { boolean, float64, int, long, string } from '../../../state/schema/scalars.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { union } from '../../../state/schema/union.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

/* What Avro's rules allow and forbid, for values of every kind of keyed state. */

const KINDS = ['value', 'list', 'map', 'reducing', 'aggregating'] as const;
type Kind = (typeof KINDS)[number];
type AnySchema = Schema<unknown>;

interface Change {
  readonly name: string;
  readonly from: AnySchema;
  readonly value: unknown;
  readonly to: AnySchema;
  readonly read?: unknown;
  /** Set: it is refused with these words. */
  readonly refused?: RegExp;
}

const User = record('User', { name: string(), visits: int() });
const ann = { name: 'Ann', visits: 3 };
const Click = record('Click', { at: long() });
const View = record('View', { at: long(), seconds: int() });

const CHANGES: readonly Change[] = [
  {
    name: 'a field is added with a default',
    from: User,
    value: ann,
    to: record('User', { name: string(), visits: int(), country: withDefault(string(), 'nowhere') }),
    read: { ...ann, country: 'nowhere' },
  },
  {
    name: 'an optional field is added',
    from: User,
    value: ann,
    to: record('User', { age: optional(int()), name: string(), visits: int() }),
    read: { ...ann, age: undefined },
  },
  {
    name: 'a field is removed',
    from: User,
    value: ann,
    to: record('User', { visits: int() }),
    read: { visits: 3 },
  },
  {
    name: 'a field is widened, and nested ones with it',
    from: record('Outer', { user: User, sizes: array(int()) }),
    value: { user: ann, sizes: [1, 2] },
    to: record('Outer', { sizes: array(float64()), user: record('User', { visits: long(), name: string() }) }),
    read: { user: ann, sizes: [1, 2] },
  },
  {
    name: 'a field is renamed, with its old name as an alias',
    from: User,
    value: ann,
    to: record('User', { title: withAliases(string(), ['name']), visits: int() }),
    read: { title: 'Ann', visits: 3 },
  },
  {
    name: 'a field becomes optional',
    from: User,
    value: ann,
    to: record('User', { name: optional(string()), visits: optional(long()) }),
    read: ann,
  },
  {
    name: 'symbols are added to an enumeration',
    from: record('E', { kind: enumeration(['click', 'view']) }),
    value: { kind: 'view' },
    to: record('E', { kind: enumeration(['view', 'buy', 'click']) }),
    read: { kind: 'view' },
  },
  {
    name: 'a branch is added to a union, and one widened',
    from: union('kind', { view: View }),
    value: { kind: 'view', at: 1, seconds: 2 },
    to: union('kind', { click: Click, view: record('View', { at: long(), seconds: long() }) }),
    read: { kind: 'view', at: 1, seconds: 2 },
  },
  {
    name: 'documentation and order change',
    from: User,
    value: ann,
    to: record('User', { visits: withDoc(int(), 'how often'), name: string() }),
    read: ann,
  },
  { name: 'a decimal gets more digits', from: decimal(10, 2), value: 1234n, to: decimal(18, 2), read: 1234n },
  {
    name: 'a field is added without a default',
    from: User,
    value: ann,
    to: record('User', { name: string(), visits: int(), country: string() }),
    refused: /User\.country: the reader expects string/,
  },
  {
    name: 'a field changes its type',
    from: User,
    value: ann,
    to: record('User', { name: string(), visits: boolean() }),
    refused: /User\.visits: written as int, read as boolean/,
  },
  {
    name: 'a field is narrowed',
    from: record('N', { n: long() }),
    value: { n: 1 },
    to: record('N', { n: int() }),
    refused: /N\.n: written as long, read as int/,
  },
  {
    name: 'a symbol is removed',
    from: enumeration(['a', 'b'], { name: 'E' }),
    value: 'a',
    to: enumeration(['a'], { name: 'E' }),
    refused: /the written symbol b is not among/,
  },
  {
    name: 'a branch of a union is removed',
    from: union('kind', { click: Click, view: View }),
    value: { kind: 'click', at: 1 },
    to: union('kind', { click: Click }),
    refused: /written as record View/,
  },
  {
    name: 'an optional field becomes required',
    from: record('O', { n: optional(int()) }),
    value: { n: 1 },
    to: record('O', { n: int() }),
    refused: /O\.n: written as null, read as int/,
  },
  {
    name: 'the scale of a decimal changes',
    from: decimal(10, 2),
    value: 1n,
    to: decimal(10, 3),
    refused: /written as decimal\(10, 2\), read as decimal\(10, 3\)/,
  },
];

function descriptor(kind: Kind, schema: AnySchema, isNamespaced: boolean): StateDescriptor {
  const base = { name: 'tested', schema, isNamespaced };
  switch (kind) {
    case 'map':
      return { ...base, kind, keySchema: string() as AnySchema };
    case 'reducing':
      return { ...base, kind, reduce: (_, value) => value };
    case 'aggregating':
      return {
        ...base,
        kind,
        createAccumulator: () => undefined,
        add: (_, value) => value,
        getResult: (accumulator) => accumulator,
        merge: (_, value) => value,
      };
    default:
      return { ...base, kind };
  }
}

const storage = new MemoryStorage();
let checkpointId = 0;

function open(restoreFiles: readonly StateFile[] = []): Promise<PagedKeyedStateBackend> {
  return createKeyedStateBackend({
    operatorUid: 'op',
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    store: new HeapPageStore(),
    storeOperatorId: 0,
    storage,
    restoreFiles,
    cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1 << 20 },
  });
}

interface AnyState {
  setNamespace(namespace: number): void;
  get(key?: string): unknown;
  value(): unknown;
  update(value: unknown): void;
  add(value: unknown): void;
  set(key: string, value: unknown): void;
}

function write(kind: Kind, state: AnyState, value: unknown): void {
  if (kind === 'value') state.update(value);
  else if (kind === 'map') state.set('m', value);
  else state.add(value);
}

function read(kind: Kind, state: AnyState): unknown {
  if (kind === 'value') return state.value();
  if (kind === 'map') return state.get('m');
  return kind === 'list' ? (state.get() as unknown[])[0] : state.get();
}

for (const kind of KINDS) {
  test.each(CHANGES)(`${kind} state: $name`, async ({ from, value, to, read: expected, refused }) => {
    for (const isNamespaced of [false, true]) {
      const before = await open();
      const written = before.state(descriptor(kind, from, isNamespaced)) as unknown as AnyState;
      before.setCurrentKey('k');
      if (isNamespaced) written.setNamespace(60_000);
      write(kind, written, value);
      const files = await before.snapshot({ checkpointId: ++checkpointId, isFull: false, filePrefix: kind });

      const after = await open(files);
      const declare = (): AnyState => after.state(descriptor(kind, to, isNamespaced)) as unknown as AnyState;
      if (refused !== undefined) {
        const error = refusalOf(declare);
        expect(error).toMatchObject({ code: 'STATE_INCOMPATIBLE' });
        expect(error.message).toMatch(/^state tested of operator op: /);
        expect(error.message).toMatch(refused);
        expect(error.message).toContain(`stored:   `);
        expect(error.message).toContain(JSON.stringify(to.avro));
        continue;
      }
      const found = declare();
      after.setCurrentKey('k');
      if (isNamespaced) found.setNamespace(60_000);
      expect(read(kind, found)).toEqual(expected);
    }
  });
}

function refusalOf(attempt: () => unknown): UserError {
  try {
    attempt();
  } catch (error) {
    return error as UserError;
  }
  return expect.unreachable('it was not refused');
}

const Point = record('Point', { x: int() });

test.each<[string, AnySchema, unknown, AnySchema, boolean]>([
  ['int to long', int(), 1, long(), true],
  ['int to double', int(), 1, float64(), true],
  ['long to int', long(), 1, int(), false],
  ['string to int', string(), 'a', int(), false],
  ['a record that gets a field', Point, { x: 1 }, record('Point', { x: int(), y: withDefault(int(), 0) }), false],
  ['a record that is documented', Point, { x: 1 }, record('Point', { x: withDoc(int(), 'east') }), true],
  ['symbols', enumeration(['a'], { name: 'E' }), 'a', enumeration(['a', 'b'], { name: 'E' }), false],
])('keys of a map never evolve, but that integers may widen: %s', async (_, from, key, to, isAllowed) => {
  const before = await open();
  const written = before.state({ kind: 'map', name: 'tested', keySchema: from, schema: string() });
  before.setCurrentKey('k');
  written.set(key, 'here');
  const files = await before.snapshot({ checkpointId: ++checkpointId, isFull: false, filePrefix: 'keys' });
  const after = await open(files);
  const declare = () => after.state({ kind: 'map', name: 'tested', keySchema: to, schema: string() });
  if (!isAllowed) {
    expect(refusalOf(declare).message).toMatch(/the map's keys were written as .*, the job reads them as /);
    return;
  }
  const found = declare();
  after.setCurrentKey('k');
  expect(found.get(key)).toBe('here');
});
