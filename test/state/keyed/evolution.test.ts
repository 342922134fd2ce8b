import { expect, test } from 'vitest';
import type { Key } from '../../../state/keyed/key.ts';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { StateDescriptor } from '../../../state/keyed/state.ts';
import { withDefault } from '../../../state/schema/attributes.ts';
import { record } from '../../../state/schema/record.ts';
import { boolean, float64, int, long, string } from '../../../state/schema/scalars.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

const storage = new MemoryStorage();
let nextId = 0;

function open(restoreFiles: readonly StateFile[] = [], maxParallelism = 8): Promise<PagedKeyedStateBackend> {
  return createKeyedStateBackend({
    operatorUid: 'tested',
    maxParallelism,
    keyGroupStart: 0,
    keyGroupEnd: maxParallelism,
    store: new HeapPageStore(),
    storeOperatorId: 0,
    storage,
    restoreFiles,
    cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1 << 20 },
  });
}

const snapshot = (backend: PagedKeyedStateBackend, isFull = false): Promise<readonly StateFile[]> =>
  backend.snapshot({ checkpointId: ++nextId, isFull, filePrefix: 'x' });

const OldUser = record('User', { name: string(), visits: int() });
const NewUser = record('User', { visits: long(), country: withDefault(string(), 'unknown'), name: string() });
const USER = { kind: 'value', name: 'user', schema: OldUser } as const;

async function oldState(): Promise<readonly StateFile[]> {
  const backend = await open();
  const user = backend.state(USER);
  const gone = backend.state({ kind: 'list', name: 'gone', schema: string() });
  const kept = backend.state({ kind: 'map', name: 'kept', keySchema: string(), schema: int() });
  backend.setCurrentKey('k');
  user.update({ name: 'Ann', visits: 3 });
  gone.update(['a', 'b']);
  kept.set('x', 1);
  backend.registerEventTimeTimer(0, 50);
  backend.setCurrentKey('other');
  gone.update(['c']);
  return snapshot(backend);
}

test('a field with a default may be added, states may come and go and change their order', async () => {
  const backend = await open(await oldState());
  const added = backend.state({ kind: 'value', name: 'added', schema: boolean() });
  const kept = backend.state({ kind: 'map', name: 'kept', keySchema: string(), schema: float64() });
  const user = backend.state({ kind: 'value', name: 'user', schema: NewUser });
  backend.setCurrentKey('k');
  expect(user.value()).toEqual({ name: 'Ann', visits: 3, country: 'unknown' });
  expect([...kept.entries()]).toEqual([['x', 1]]);
  expect(added.value()).toBeUndefined();
  added.update(true);

  // Pages of both formats, in a delta, a full snapshot, and restored from each.
  for (const files of [await snapshot(backend), await snapshot(backend, true)]) {
    const again = await open(files);
    const states = {
      user: again.state({ kind: 'value', name: 'user', schema: NewUser }),
      added: again.state({ kind: 'value', name: 'added', schema: boolean() }),
    };
    again.setCurrentKey('k');
    expect(states.user.value()).toEqual({ name: 'Ann', visits: 3, country: 'unknown' });
    expect(states.added.value()).toBe(true);
    again.setCurrentKey('other');
    expect(states.user.value()).toBeUndefined();
    expect(again.eventTimeTimerCount()).toBe(1);
  }
});

test('a schema that does not resolve is refused at once, naming state, field and types', async () => {
  const backend = await open(await oldState());
  const Wrong = record('User', { name: string(), visits: boolean() });
  expect(() => backend.state({ kind: 'value', name: 'user', schema: Wrong })).toThrow(
    expect.objectContaining({
      code: 'STATE_INCOMPATIBLE',
      message: expect.stringMatching(/state user of operator tested.*visits/s),
    }),
  );
});

test.each<[string, StateDescriptor]>([
  ['another kind', { kind: 'list', name: 'user', schema: OldUser }],
  ['namespaces', { kind: 'value', name: 'user', schema: OldUser, isNamespaced: true }],
])('%s under the same name is refused', async (_, descriptor) => {
  const backend = await open(await oldState());
  expect(() => backend.state(descriptor)).toThrow(expect.objectContaining({ code: 'STATE_INCOMPATIBLE' }));
});

test('another max parallelism is refused', async () => {
  await expect(open(await oldState(), 16)).rejects.toMatchObject({
    code: 'STATE_INCOMPATIBLE',
    message: expect.stringContaining('expected max parallelism 8'),
  });
});

test('time-to-live may be switched on and off; what had none counts from the first time known', async () => {
  const ttl = { timeToLiveMs: 100, timeDomain: 'eventTime' } as const;
  let backend = await open(await oldState());
  let user = backend.state({ ...USER, ttl });
  backend.setWatermark(1000);
  backend.setCurrentKey('k');
  expect(user.value()).toEqual({ name: 'Ann', visits: 3 });
  const files = await snapshot(backend);
  backend.setWatermark(1100);
  expect(user.value()).toBeUndefined();
  backend = await open(files);
  user = backend.state(USER);
  backend.setCurrentKey('k');
  expect(user.value()).toEqual({ name: 'Ann', visits: 3 });
});

test('states are declared once, before the first record', async () => {
  const backend = await open();
  backend.state(USER);
  expect(() => backend.state(USER)).toThrow(/two states are named user/);
  backend.setCurrentKey('k');
  expect(() => backend.state({ ...USER, name: 'late' })).toThrow(/declared after the first record/);
});

test('without a current key state and timers are refused', async () => {
  const backend = await open();
  const user = backend.state(USER);
  const noKey = expect.objectContaining({ code: 'JOB_DEFINITION' });
  expect(() => user.value()).toThrow(noKey);
  expect(() => user.update({ name: 'x', visits: 1 })).toThrow(noKey);
  expect(() => backend.registerEventTimeTimer(0, 1)).toThrow(noKey);
  expect(() => backend.currentKey()).toThrow(noKey);
});

test('map keys that are records are compared by value', async () => {
  const Point = record('Point', { x: int(), y: int() });
  let backend = await open();
  const descriptor = { kind: 'map', name: 'points', keySchema: Point, schema: string() } as const;
  let points = backend.state(descriptor);
  backend.setCurrentKey('k');
  points.set({ x: 1, y: 2 }, 'a');
  points.set({ x: 1, y: 2 }, 'b');
  points.set({ x: 2, y: 1 }, 'c');
  backend = await open(await snapshot(backend));
  points = backend.state(descriptor);
  backend.setCurrentKey('k');
  expect(points.get({ x: 1, y: 2 })).toBe('b');
  points.delete({ x: 2, y: 1 });
  expect([...points.entries()]).toEqual([[{ x: 1, y: 2 }, 'b']]);
});

test('what has outlived its event time is dropped without being read', async () => {
  const backend = await open();
  const seen = backend.state({
    kind: 'value',
    name: 'seen',
    schema: long(),
    ttl: { timeToLiveMs: 60_000, timeDomain: 'eventTime' },
  });
  backend.setWatermark(0);
  for (let i = 0; i < 5000; i++) {
    backend.setCurrentKey(i);
    seen.update(i);
  }
  backend.clearCurrentKey();
  expect(backend.pageCount()).toBe(5000);
  await snapshot(backend);
  backend.setWatermark(200_000);
  const fire = async (): Promise<void> => {
    while (!(await backend.fireEventTimeTimers(200_000, 1000, () => expect.unreachable())));
  };
  for (let i = 0; i < 10; i++) await fire();
  expect(backend.pageCount()).toBe(0);
  // The deletions are in the next delta, and gone after it.
  const files = await snapshot(backend);
  expect((await open(files)).pageCount()).toBe(0);
});

test('keys of another type than those stored are refused, once there are enough of them to tell', async () => {
  const strange = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const cases: readonly (readonly [batches: readonly (readonly Key[])[], isRefused: boolean])[] = [
    [[strange(100)], true],
    [[strange(60), strange(40)], true],
    [[strange(99)], false],
    [[strange(99), ['other']], false],
    [[['new'], strange(1000)], false],
  ];
  for (const [batches, isRefused] of cases) {
    const backend = await open(await oldState());
    backend.state(USER);
    const last = batches.length - 1;
    for (const [index, keys] of batches.entries()) {
      const prepare = (): unknown => backend.prepare(keys, 0, keys.length);
      if (!isRefused || index < last) expect(prepare()).toBe(keys.length);
      else
        expect(prepare).toThrow(
          expect.objectContaining({
            code: 'STATE_INCOMPATIBLE',
            message: "operator tested: its stored keys are of type string, the job's are of type number",
          }),
        );
    }
  }
});

test('what was stored without time-to-live is cleaned up once it has been read', async () => {
  const backend = await open(await oldState());
  const user = backend.state({ ...USER, ttl: { timeToLiveMs: 80, timeDomain: 'eventTime' } });
  backend.setWatermark(1000);
  backend.setCurrentKey('k');
  backend.deleteEventTimeTimer(0, 50);
  expect(user.value()).toEqual({ name: 'Ann', visits: 3 });
  backend.clearCurrentKey();
  for (let watermarkMs = 1001; watermarkMs < 1100; watermarkMs++) {
    backend.setWatermark(watermarkMs);
    await backend.fireEventTimeTimers(watermarkMs, 10, () => {});
  }
  expect(backend.pageCount()).toBe(1); // the other key's page, which nobody has read
});

test('times of one domain say nothing in the other: what is stored counts from the first time known there', async () => {
  const ttl = { timeToLiveMs: 100, timeDomain: 'eventTime' } as const;
  const first = await open(await oldState());
  const user = first.state({ ...USER, ttl });
  first.setWatermark(1000);
  first.setCurrentKey('k');
  user.update({ name: 'Ben', visits: 1 });
  const second = await open(await snapshot(first));
  const found = second.state({ ...USER, ttl: { ...ttl, timeDomain: 'processingTime' } });
  second.setProcessingTime(1_700_000_000_000);
  second.setCurrentKey('k');
  expect(found.value()).toEqual({ name: 'Ben', visits: 1 });
  second.setProcessingTime(1_700_000_000_100);
  expect(found.value()).toBeUndefined();
});
