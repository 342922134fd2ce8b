import { expect, test } from 'vitest';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import { int, string } from '../../../state/schema/scalars.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

/*
 * A state that a job no longer declares is dropped for good: also of keys that this job never looks at, and however many
 * jobs later a state of that name comes back.
 */

const storage = new MemoryStorage();
let nextId = 0;

function open(restoreFiles: readonly StateFile[] = []): Promise<PagedKeyedStateBackend> {
  return createKeyedStateBackend({
    operatorUid: 'tested',
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    store: new HeapPageStore(),
    storeOperatorId: 0,
    storage,
    restoreFiles,
    cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1 << 20, splitBytes: 64 },
  });
}

const snapshot = (backend: PagedKeyedStateBackend, isFull = false): Promise<readonly StateFile[]> =>
  backend.snapshot({ checkpointId: ++nextId, isFull, filePrefix: 'x' });

const KEPT = { kind: 'value', name: 'kept', schema: int() } as const;
const GONE = { kind: 'value', name: 'gone', schema: int() } as const;
const OTHER = { kind: 'list', name: 'gone', schema: string() } as const;
const LARGE = { kind: 'map', name: 'gone', keySchema: string(), schema: int() } as const;

/** The job with both states, then the one without `gone`, which only looks at the key `seen`. */
async function dropped(how: 'delta' | 'full' | 'folded'): Promise<readonly StateFile[]> {
  const first = await open();
  const states = { kept: first.state(KEPT), gone: first.state(GONE) };
  for (const key of ['seen', 'unseen']) {
    first.setCurrentKey(key);
    states.kept.update(1);
    states.gone.update(1);
  }
  const second = await open(await snapshot(first));
  const kept = second.state(KEPT);
  let files: readonly StateFile[] = [];
  for (let n = 0; n < (how === 'folded' ? 12 : 1); n++) {
    second.setCurrentKey('seen');
    kept.update(2 + n);
    files = await snapshot(second);
    await second.foldDone();
  }
  if (how === 'folded') expect(files.some(({ key }) => key.includes('fold'))).toBe(true);
  return how === 'full' ? await snapshot(second, true) : files;
}

test.each(['delta', 'full', 'folded'] as const)('what was dropped does not come back (%s)', async (how) => {
  let files = await dropped(how);
  for (let generation = 0; generation < 3; generation++) {
    const backend = await open(files);
    const states = { gone: backend.state(GONE), kept: backend.state(KEPT) };
    for (const key of ['seen', 'unseen']) {
      backend.setCurrentKey(key);
      expect(states.gone.value()).toBe(generation === 0 || key === 'unseen' ? undefined : generation);
      expect(states.kept.value()).toBeDefined();
    }
    backend.setCurrentKey('seen');
    states.gone.update(generation + 1);
    files = await snapshot(backend, generation === 1);
  }
});

test.each(['delta', 'full', 'folded'] as const)('its name is free for a state of another kind (%s)', async (how) => {
  const backend = await open(await dropped(how));
  const gone = backend.state(OTHER);
  backend.setCurrentKey('unseen');
  expect([...gone.get()]).toEqual([]);
  gone.add('x');
  const again = await open(await snapshot(backend));
  const found = again.state(OTHER);
  again.setCurrentKey('unseen');
  expect([...found.get()]).toEqual(['x']);
});

test('nothing of a large map that was dropped gets into one of the same name', async () => {
  const first = await open();
  const states = { kept: first.state(KEPT), gone: first.state(LARGE) };
  first.setCurrentKey('k');
  states.kept.update(1);
  for (let i = 0; i < 100; i++) states.gone.set(`old-${i}`, i);
  const second = await open(await snapshot(first));
  const kept = second.state(KEPT);
  second.setCurrentKey('k');
  kept.update(2);
  const third = await open(await snapshot(second));
  const gone = third.state(LARGE);
  third.setCurrentKey('k');
  for (let i = 0; i < 100; i++) gone.set(`new-${i}`, i);
  expect([...gone.keys()].toSorted()).toEqual(Array.from({ length: 100 }, (_, i) => `new-${i}`).toSorted());
});
