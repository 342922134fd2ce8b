import { expect, test } from 'vitest';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

const MB = 1 << 20;
const storage = new MemoryStorage();

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
    cache: { decodedBytesMax: 2 * MB, encodedBytesMax: MB },
  });
}

const VISITS = { kind: 'map', name: 'visits', keySchema: string(), schema: string() } as const;
const EVENTS = { kind: 'list', name: 'events', schema: long() } as const;
const text = (i: number): string => `value of entry ${i} ${'x'.repeat(60)}`;

test('the map of one key may be larger than the cache, in one go and after a restore', async () => {
  let backend = await open();
  let visits = backend.state(VISITS);
  const count = 30_000;
  backend.setCurrentKey('hot');
  for (let i = 0; i < count; i++) visits.set(`entry-${i}`, text(i));
  const { decoded, encoded } = backend.memoryBytes();
  expect(encoded).toBeLessThan(3 * MB);
  expect(decoded).toBeLessThan(4 * MB);
  for (let i = 0; i < count; i += 997) expect(visits.get(`entry-${i}`)).toBe(text(i));
  visits.delete('entry-5');
  expect(backend.pageCount()).toBe(1);

  const files = await backend.snapshot({ checkpointId: 1, isFull: false, filePrefix: 'a' });
  // A change of one entry costs a part, not the map.
  visits.set('entry-7', 'changed');
  const changed = await backend.snapshot({ checkpointId: 2, isFull: false, filePrefix: 'a' });
  expect(changed.at(-1)!.bytes).toBeLessThan(100_000);

  backend = await open(files);
  visits = backend.state(VISITS);
  backend.setCurrentKey('hot');
  expect(backend.pageCount()).toBe(1);
  let found = 0;
  for (const [key, value] of visits.entries()) {
    expect(value).toBe(text(Number(key.slice(6))));
    found++;
  }
  expect(found).toBe(count - 1);
  visits.clear();
  expect(visits.isEmpty()).toBe(true);
  const empty = await backend.snapshot({ checkpointId: 3, isFull: true, filePrefix: 'b' });
  expect(empty.reduce((sum, file) => sum + file.pageCount, 0)).toBe(0);
});

test('adding to a long list writes what was added, not the list', async () => {
  const backend = await open();
  const events = backend.state(EVENTS);
  const keys = ['hot'];
  for (let i = 0; i < 200; i++) {
    await backend.prepare(keys, 0, 1);
    backend.select(0);
    events.addAll(Array.from({ length: 1000 }, (_, n) => i * 1000 + n));
  }
  await backend.snapshot({ checkpointId: 1, isFull: false, filePrefix: 'l' });
  await backend.prepare(keys, 0, 1);
  backend.select(0);
  events.add(200_000);
  const files = await backend.snapshot({ checkpointId: 2, isFull: false, filePrefix: 'l' });
  expect(files.at(-1)!.bytes).toBeLessThan(40_000);
  const again = await open(files);
  const restored = again.state(EVENTS);
  again.setCurrentKey('hot');
  expect(restored.get()).toEqual(Array.from({ length: 200_001 }, (_, i) => i));
  restored.update([1, 2]);
  expect(restored.get()).toEqual([1, 2]);
});
