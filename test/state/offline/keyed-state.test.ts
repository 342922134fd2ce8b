import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Key } from '../../../state/keyed/key.ts';
import { keyGroupOf, keyGroupRange } from '../../../state/keyed/key-group.ts';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { StateDescriptor } from '../../../state/keyed/state.ts';
import { formatOf } from '../../../state/keyed/state-format.ts';
import type { KeyedEntry, StoredKeyedEntry } from '../../../state/offline/keyed-entry.ts';
import { descriptorOfFormat, readKeyedEntries } from '../../../state/offline/keyed-state-reader.ts';
import { rehashFiles, writeKeyedEntries } from '../../../state/offline/keyed-state-writer.ts';
import { record } from '../../../state/schema/record.ts';
import { int, long, string } from '../../../state/schema/scalars.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from '../keyed/memory-storage.ts';

/*
 * What a backend has stored is read from its files as it is, large contents and all; what is written from that is restored
 * by a backend as the same state, also in other key groups.
 */

const Point = record('Point', { x: int(), y: int() });
const VALUE = { kind: 'value', name: 'value', schema: string() } as const;
const LIST = { kind: 'list', name: 'list', schema: long() } as const;
const MAP = { kind: 'map', name: 'map', keySchema: string(), schema: long() } as const;
const POINTS = {
  kind: 'map',
  name: 'points',
  keySchema: Point,
  schema: long(),
  ttl: { timeToLiveMs: 1000, timeDomain: 'eventTime' },
} as const;
const SUM = {
  kind: 'reducing',
  name: 'sum',
  schema: long(),
  isNamespaced: true,
  reduce: (a: number, b: number) => a + b,
} as const;
const COUNT = {
  kind: 'aggregating',
  name: 'count',
  schema: long(),
  createAccumulator: () => 0,
  add: (count: number) => count + 1,
  getResult: (count: number) => count,
  merge: (a: number, b: number) => a + b,
  ttl: { timeToLiveMs: 500, timeDomain: 'processingTime' },
} as const;
const STATES: readonly StateDescriptor[] = [VALUE, LIST, MAP, POINTS, SUM, COUNT] as never;

type Write =
  | { readonly do: 'value'; readonly to: string }
  | { readonly do: 'list' | 'map' | 'points'; readonly from: number; readonly count: number }
  | { readonly do: 'sum'; readonly namespace: number | string; readonly add: number }
  | { readonly do: 'count' | 'clear' }
  | { readonly do: 'timer'; readonly isEventTime: boolean; readonly atMs: number; readonly namespace: number };

type Step =
  | { readonly do: 'write'; readonly key: Key; readonly write: Write }
  | { readonly do: 'snapshot' }
  | { readonly do: 'advance'; readonly byMs: number };

const anyKey: fc.Arbitrary<Key> = fc.oneof(
  fc.constantFrom<Key>('a', 'b', 'ä', '日本', 1, 2.5, 7n, 1n << 80n, true),
  fc.string({ maxLength: 3 }),
);
const some = { from: fc.integer({ min: 0, max: 40 }), count: fc.integer({ min: 1, max: 60 }) };
const anyWrite: fc.Arbitrary<Write> = fc.oneof(
  fc.string({ maxLength: 4 }).map((to): Write => ({ do: 'value', to })),
  fc.record({ do: fc.constantFrom('list' as const, 'map' as const, 'points' as const), ...some }),
  fc.record({
    do: fc.constant('sum' as const),
    namespace: fc.constantFrom<number | string>(0, 60, '0:10'),
    add: fc.nat(9),
  }),
  fc.constantFrom<Write>({ do: 'count' }, { do: 'clear' }),
  fc.record({
    do: fc.constant('timer' as const),
    isEventTime: fc.boolean(),
    atMs: fc.integer({ min: 5000, max: 5010 }),
    namespace: fc.constantFrom(0, 60),
  }),
);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('write' as const), key: anyKey, write: anyWrite }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'snapshot' }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 50 }).map((byMs): Step => ({ do: 'advance', byMs })) },
);

interface Subtask {
  readonly backend: PagedKeyedStateBackend;
  readonly states: ReturnType<typeof openStates>;
  readonly start: number;
  readonly end: number;
}

function openStates(backend: PagedKeyedStateBackend) {
  return {
    value: backend.state(VALUE),
    list: backend.state(LIST),
    map: backend.state(MAP),
    points: backend.state(POINTS),
    sum: backend.state(SUM),
    count: backend.state(COUNT),
  };
}

async function open(
  storage: MemoryStorage,
  files: readonly StateFile[],
  { parallelism = 1, maxParallelism = 16 } = {},
): Promise<Subtask[]> {
  const subtasks: Subtask[] = [];
  for (let i = 0; i < parallelism; i++) {
    const { start, end } = keyGroupRange(i, parallelism, maxParallelism);
    const backend = await createKeyedStateBackend({
      operatorUid: 'op',
      maxParallelism,
      keyGroupStart: start,
      keyGroupEnd: end,
      store: new HeapPageStore(),
      storeOperatorId: i,
      storage,
      restoreFiles: files,
      // Lists and maps of a few elements are split into parts.
      cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1 << 20, decodedPagesMax: 3, splitBytes: 128 },
    });
    subtasks.push({ backend, states: openStates(backend), start, end });
  }
  return subtasks;
}

function apply({ backend, states }: Subtask, key: Key, write: Write): void {
  backend.setCurrentKey(key);
  switch (write.do) {
    case 'value':
      states.value.update(write.to);
      return;
    case 'list':
      for (let i = 0; i < write.count; i++) states.list.add(write.from + i);
      return;
    case 'map':
      for (let i = 0; i < write.count; i++) states.map.set(`m${write.from + i}`, i);
      return;
    case 'points':
      for (let i = 0; i < write.count; i++) states.points.set({ x: write.from + i, y: 1 }, i);
      return;
    case 'sum':
      states.sum.setNamespace(write.namespace);
      states.sum.add(write.add);
      return;
    case 'count':
      states.count.add(1);
      return;
    case 'clear':
      for (const state of [states.value, states.list, states.map, states.points]) state.clear();
      return;
    case 'timer':
      if (write.isEventTime) backend.registerEventTimeTimer(write.namespace, write.atMs);
      else backend.registerProcessingTimeTimer(write.namespace, write.atMs);
  }
}

/** What a backend says of its keys, without timers. */
function contentsOf(subtasks: readonly Subtask[]): Map<Key, Record<string, unknown>> {
  const found = new Map<Key, Record<string, unknown>>();
  for (const { backend, states } of subtasks) {
    backend.forEachKey((key) => {
      const sums = new Map<number | string, number>();
      for (const namespace of [0, 60, '0:10']) {
        states.sum.setNamespace(namespace);
        const sum = states.sum.get();
        if (sum !== undefined) sums.set(namespace, sum);
      }
      found.set(key, {
        value: states.value.value(),
        list: [...states.list.get()],
        map: new Map(states.map.entries()),
        points: new Map([...states.points.entries()].map(([point, value]) => [JSON.stringify(point), value])),
        sum: sums,
        count: states.count.get(),
      });
    });
  }
  return found;
}

/** The same of entries that were read. */
function contentsOfEntries(entries: readonly StoredKeyedEntry[]): Map<Key, Record<string, unknown>> {
  return new Map(
    entries.map(({ key, state }) => {
      const contents = state as unknown as Readonly<Record<string, never>>;
      const points = contents['points'] as ReadonlyMap<object, number> | undefined;
      return [
        key,
        {
          value: contents['value'],
          list: contents['list'] ?? [],
          map: contents['map'] ?? new Map(),
          points: new Map([...(points ?? [])].map(([point, value]) => [JSON.stringify(point), value])),
          sum: contents['sum'] ?? new Map(),
          count: contents['count'],
        },
      ];
    }),
  );
}

async function fired(subtasks: readonly Subtask[]): Promise<string[]> {
  const timers: string[] = [];
  for (const { backend } of subtasks) {
    const note = (domain: string) => (timestampMs: number, namespace: number | string) =>
      void timers.push(`${domain} ${String(backend.currentKey())} ${timestampMs} ${namespace}`);
    while (!(await backend.fireEventTimeTimers(9000, 100, note('event'))));
    while (!(await backend.fireProcessingTimeTimers(9000, 100, note('processing'))));
  }
  return timers.sort();
}

let folder = 0;

test('what a backend has stored is read as it is, and written as the same state, in other key groups too', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 5, maxLength: 60, size: 'max' }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(1, 5, 128),
      fc.constantFrom(1, 300, 1 << 20),
      async (steps, parallelism, otherMaxParallelism, sortBytesMax) => {
        const storage = new MemoryStorage();
        let subtasks = await open(storage, [], { parallelism });
        let [watermarkMs, nowMs] = [1000, 2000];
        const tell = (all: readonly Subtask[]): void => {
          for (const { backend } of all) {
            backend.setWatermark(watermarkMs);
            backend.setProcessingTime(nowMs);
          }
        };
        const snapshot = async (): Promise<StateFile[][]> =>
          await Promise.all(
            subtasks.map(async ({ backend }) => {
              backend.clearCurrentKey();
              const options = { checkpointId: ++folder, isFull: false, filePrefix: `chk/${folder}` };
              return [...(await backend.snapshot(options))];
            }),
          );
        tell(subtasks);
        for (const step of steps) {
          if (step.do === 'write') {
            const group = keyGroupOf(step.key, 16);
            apply(
              subtasks.find(({ start, end }) => group >= start && group < end)!,
              step.key,
              step.write,
            );
          } else if (step.do === 'snapshot') {
            await snapshot();
          } else {
            watermarkMs += step.byMs;
            nowMs += step.byMs;
            tell(subtasks);
          }
        }
        const fileLists = await snapshot();
        const expected = contentsOf(subtasks);

        const read = async (descriptors: readonly StateDescriptor[]): Promise<StoredKeyedEntry[]> => {
          const found: StoredKeyedEntry[] = [];
          const options = { operatorUid: 'op', maxParallelism: 16, storage, fileLists, descriptors };
          for await (const entry of readKeyedEntries(options)) found.push(entry);
          return found;
        };
        const entries = await read(STATES);
        // Nothing has been cleaned up since the snapshot, so what is stored is what is there, but for what has expired.
        const unexpired = entries.map((entry) => withoutExpired(entry, watermarkMs, nowMs));
        expect(nonEmpty(contentsOfEntries(unexpired))).toEqual(nonEmpty(expected));
        expect(contentsOfEntries(await read(STATES.map((state) => descriptorOfFormat(formatOf(state)))))).toEqual(
          contentsOfEntries(entries),
        );
        for (const { key, keyGroup } of entries) expect(keyGroup).toBe(keyGroupOf(key, 16));

        const target = { operatorUid: 'op', storage, sortBytesMax };
        const written = await writeKeyedEntries(shuffled(entries), STATES, {
          ...target,
          maxParallelism: 16,
          stem: `written/${folder}`,
        });
        const rehashed = await rehashFiles(
          fileLists,
          { storage, maxParallelism: 16 },
          { ...target, maxParallelism: otherMaxParallelism, stem: `rehashed/${folder}` },
        );
        const stored = [...storage.objects.keys()].filter((key) => /^(written|rehashed)/.test(key));
        expect(stored.filter((key) => key.split('/')[1]!.startsWith(`${folder}-`)).sort()).toEqual(
          [...written, ...rehashed].map(({ key }) => key).sort(),
        );
        const timers = await fired(subtasks);
        for (const [files, maxParallelism] of [
          [written, 16],
          [rehashed, otherMaxParallelism],
        ] as const) {
          const again = await open(storage, files, { parallelism: Math.min(2, maxParallelism), maxParallelism });
          tell(again);
          expect(nonEmpty(contentsOf(again))).toEqual(nonEmpty(expected));
          expect(await fired(again)).toEqual(timers);
          for (const { backend } of again) await backend.close();
        }
        for (const { backend } of subtasks) await backend.close();
        subtasks = [];
      },
    ),
    { numRuns: 150 },
  );
});

function nonEmpty(contents: Map<Key, Record<string, unknown>>): Map<Key, Record<string, unknown>> {
  return new Map(
    [...contents].filter(([, { value, list, map, points, sum, count }]) => {
      const sizes =
        (list as unknown[]).length + [map, points, sum].reduce<number>((n, it) => n + (it as Map<0, 0>).size, 0);
      return value !== undefined || count !== undefined || sizes > 0;
    }),
  );
}

function withoutExpired(entry: StoredKeyedEntry, watermarkMs: number, nowMs: number): StoredKeyedEntry {
  const state: Record<string, unknown> = { ...(entry.state as object) };
  const points = entry.writtenAt['points'] as ReadonlyMap<unknown, number> | undefined;
  if (points !== undefined) {
    const alive = new Map(
      [...(state['points'] as Map<unknown, unknown>)].filter(([point]) => points.get(point)! + 1000 > watermarkMs),
    );
    state['points'] = alive;
  }
  const countAt = entry.writtenAt['count'] as number | undefined;
  if (countAt !== undefined && countAt + 500 <= nowMs) state['count'] = undefined;
  return { ...entry, state: state as never };
}

/** In another order, with every third entry before it once more, with other contents: the last one counts. */
function* shuffled(entries: readonly StoredKeyedEntry[]): Generator<KeyedEntry> {
  const reversed = entries.toReversed();
  for (const [i, entry] of reversed.entries())
    if (i % 3 === 0) yield { key: entry.key, state: { value: 'overwritten' } as never };
  yield* reversed;
}

test('a value that does not fit is told with key, state and field', async () => {
  const storage = new MemoryStorage();
  const options = { operatorUid: 'op', maxParallelism: 16, storage, stem: 'x' };
  const write = (state: object): Promise<unknown> =>
    writeKeyedEntries([{ key: 'k', state: state as never }], STATES, options);
  await expect(write({ value: 7 })).rejects.toThrow(/operator op, key "k": .*expected string, found number 7/);
  await expect(write({ valu: 'x' })).rejects.toThrow(/there is no state valu, declared are value, list/);
});

test.each([1, 1 << 20])(
  'an entry without contents takes back those before it of the same key (sort %i)',
  async (bytes) => {
    const storage = new MemoryStorage();
    const entries = [
      { key: 'k', state: { value: 'first' } },
      { key: 'l', state: { value: 'stays' } },
      { key: 'k', state: {} },
    ];
    const target = { operatorUid: 'op', maxParallelism: 16, storage, stem: 'x', sortBytesMax: bytes };
    const files = await writeKeyedEntries(entries as never, [VALUE], target);
    const found: unknown[] = [];
    const options = { operatorUid: 'op', maxParallelism: 16, storage, fileLists: [files], descriptors: [VALUE] };
    for await (const { key, state } of readKeyedEntries(options as never)) found.push([key, state]);
    expect(found).toEqual([['l', { value: 'stays' }]]);
  },
);
