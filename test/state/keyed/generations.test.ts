import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareStates } from '../../../engine/checkpoint/compatibility.ts';
import type { OperatorSnapshot } from '../../../engine/checkpoint/manifest.ts';
import { readFormats } from '../../../engine/checkpoint/stored-states.ts';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { ListState, MapState, StateDescriptor, ValueState } from '../../../state/keyed/state.ts';
import { withDefault } from '../../../state/schema/attributes.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { boolean, float64, int, long, string } from '../../../state/schema/scalars.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

/*
 * A job through many versions of its states, of which each looks at some of the keys only, so that pages of all versions
 * lie beside each other. What the check says of a version is what happens when it starts; and what it then reads is what
 * was written last, as far as its schema has it, or nothing where a version in between had no such state.
 */

const KEYS = ['a', 'b', 'c', 'd'];
const NAMES = ['p', 'q'];

interface Type {
  readonly schema: Schema<never>;
  /** A value of the n-th write. */
  readonly make: (n: number) => unknown;
  /** A stored value as this type reads it. */
  readonly as: (value: unknown) => unknown;
}

const number = (schema: Schema<never>): Type => ({ schema, make: (n) => n, as: (value) => value });
const Short = record('R', { n: long() });
const Long = record('R', { name: withDefault(string(), 'none'), n: long() });
const Maybe = record('R', { n: float64(), flag: optional(boolean()) });

const TYPES: readonly Type[] = [
  number(int() as never),
  number(long() as never),
  number(float64() as never),
  { schema: string() as never, make: (n) => `s${n}`, as: (value) => value },
  { schema: Short as never, make: (n) => ({ n }), as: (value) => ({ n: (value as { n: number }).n }) },
  {
    schema: Long as never,
    make: (n) => ({ name: `x${n}`, n }),
    as: (value) => ({ name: 'none', n: (value as { n: number }).n, ...named(value) }),
  },
  {
    schema: Maybe as never,
    make: (n) => ({ n, flag: n % 2 === 0 }),
    as: (value) => ({ n: (value as { n: number }).n, flag: (value as { flag?: boolean }).flag }),
  },
];

function named(value: unknown): object {
  const { name } = value as { readonly name?: string };
  return name === undefined ? {} : { name };
}

interface Declared {
  readonly kind: 'value' | 'list' | 'map';
  readonly type: number;
  readonly ttl: 'none' | 'eventTime' | 'processingTime';
}

interface Version {
  /** By place in NAMES; undefined: the version has no such state. */
  readonly states: readonly (Declared | undefined)[];
  /** Keys that it writes, by place. */
  readonly writes: readonly number[];
  readonly isFull: boolean;
}

const anyDeclared: fc.Arbitrary<Declared | undefined> = fc.option(
  fc.record({
    kind: fc.constantFrom('value', 'value', 'value', 'list', 'map'),
    type: fc.oneof(fc.constantFrom(0, 1, 2), fc.constantFrom(4, 5, 6), fc.nat(TYPES.length - 1)),
    ttl: fc.constantFrom('none', 'none', 'eventTime', 'processingTime'),
  }),
  { nil: undefined, freq: 4 },
) as fc.Arbitrary<Declared | undefined>;

const anyVersion: fc.Arbitrary<Version> = fc.record({
  states: fc.array(anyDeclared, { minLength: NAMES.length, maxLength: NAMES.length }),
  writes: fc.uniqueArray(fc.nat(KEYS.length - 1), { maxLength: 2 }),
  isFull: fc.boolean(),
});

function descriptorOf(name: string, { kind, type, ttl }: Declared): StateDescriptor {
  const { schema } = TYPES[type]!;
  const base = {
    name,
    schema,
    ttl: ttl === 'none' ? undefined : { timeToLiveMs: 1_000_000, timeDomain: ttl },
  };
  return (kind === 'map' ? { ...base, kind, keySchema: string() } : { ...base, kind }) as never;
}

const open = (storage: MemoryStorage, restoreFiles: readonly StateFile[]): Promise<PagedKeyedStateBackend> =>
  createKeyedStateBackend({
    operatorUid: 'op',
    maxParallelism: 4,
    keyGroupStart: 0,
    keyGroupEnd: 4,
    store: new HeapPageStore(),
    storeOperatorId: 0,
    storage,
    restoreFiles,
    cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1 << 20, splitBytes: 64 },
  });

/** What `tidemark check` says. */
async function isRefused(
  storage: MemoryStorage,
  files: readonly StateFile[],
  keyedStates: readonly StateDescriptor[],
): Promise<boolean> {
  const stored = {
    uid: 'op',
    name: 'op',
    parallelism: 1,
    maxParallelism: 4,
    keyedStates: [],
    subtasks: [{ subtaskIndex: 0, keyedFiles: files, operatorStates: [] }],
  } as OperatorSnapshot;
  const operator = { uid: 'op', name: 'op', kind: 'operator', keyedStates, operatorStates: [] } as const;
  const { problems } = compareStates(
    { jobName: 'job', operators: { op: stored }, pendingCommits: [] } as never,
    { jobName: 'job', maxParallelism: 4, operators: [operator] },
    { where: '', allowNonRestoredState: false, stored: new Map([['op', await readFormats(stored, storage)]]) },
  );
  return problems.length > 0;
}

test('the check says what happens, and what was kept is read by every version', async () => {
  let [starts, refusals] = [0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(anyVersion, { minLength: 2, maxLength: 8, size: 'max' }), async (versions) => {
      const storage = new MemoryStorage();
      let files: readonly StateFile[] = [];
      let n = 0;
      /** By state and key. */
      const model = new Map<string, unknown>();
      for (const [generation, { states, writes, isFull }] of versions.entries()) {
        const declared = states.flatMap((state, i) => (state === undefined ? [] : [{ name: NAMES[i]!, state }]));
        const descriptors = declared.map(({ name, state }) => descriptorOf(name, state));
        const backend = await open(storage, files);
        const refused = await isRefused(storage, files, descriptors);
        if (refused) {
          expect(() => declare(backend, descriptors)).toThrow(expect.objectContaining({ code: 'STATE_INCOMPATIBLE' }));
          await backend.close();
          refusals++;
          continue; // The version before stays in use.
        }
        starts++;
        // A read that stamps an entry writes its page anew: whoever reads here has a backend of its own.
        const reader = await open(storage, files);
        const handles = declare(backend, descriptors);
        const readHandles = declare(reader, descriptors);
        for (const each of [backend, reader]) {
          each.setWatermark(generation + 1);
          each.setProcessingTime(1_700_000_000_000 + generation);
        }
        for (const name of NAMES) if (!handles.has(name)) for (const key of KEYS) model.delete(`${name} ${key}`);
        for (const key of KEYS) {
          backend.setCurrentKey(key);
          reader.setCurrentKey(key);
          const isWritten = writes.includes(KEYS.indexOf(key));
          for (const { name, state } of declared) {
            const type = TYPES[state.type]!;
            const place = `${name} ${key}`;
            const before = model.get(place) as readonly unknown[] | undefined;
            // A page that is written anew holds what the version has read.
            const expected = before?.map(type.as) ?? [];
            expect(read(state.kind, readHandles.get(name))).toEqual(expected);
            if (!isWritten) continue;
            const value = type.make(++n);
            // Lists grow, so that some are kept in parts; maps hold one entry per write.
            model.set(place, state.kind === 'value' ? [value] : [...expected, value]);
            write(state.kind, handles.get(name), value, expected.length);
          }
        }
        files = await backend.snapshot({ checkpointId: generation + 1, isFull, filePrefix: 'x' });
        await backend.foldDone();
        await backend.close();
        await reader.close();
      }
    }),
    { numRuns: 1000 },
  );
  // Both happen often enough to mean something.
  expect(Math.min(starts, refusals)).toBeGreaterThan(500);
});

function declare(backend: PagedKeyedStateBackend, descriptors: readonly StateDescriptor[]): Map<string, unknown> {
  return new Map(descriptors.map((descriptor) => [descriptor.name, backend.state(descriptor)]));
}

function read(kind: Declared['kind'], handle: unknown): unknown[] {
  if (kind === 'value') {
    const value = (handle as ValueState<unknown>).value();
    return value === undefined ? [] : [value];
  }
  if (kind === 'list') return [...(handle as ListState<unknown>).get()];
  const entries = [...(handle as MapState<string, unknown>).entries()];
  return entries.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value);
}

function write(kind: Declared['kind'], handle: unknown, value: unknown, at: number): void {
  if (kind === 'value') (handle as ValueState<unknown>).update(value);
  else if (kind === 'list') (handle as ListState<unknown>).add(value);
  else (handle as MapState<string, unknown>).set(String(at), value);
}
