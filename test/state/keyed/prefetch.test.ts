import { expect, test } from 'vitest';
import { createKeyedStateBackend } from '../../../state/keyed/paged-keyed-state-backend.ts';
import { string } from '../../../state/schema/scalars.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

/** Counts the keys it is asked for. */
class CountingStore extends HeapPageStore {
  asked = 0;
  blocking = 0;

  override getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.asked += keys.length;
    // Answers what it has now, as another thread does, but later.
    return Promise.resolve(super.getManyBlocking(keys));
  }

  override getManyBlocking(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    this.blocking += keys.length;
    return super.getManyBlocking(keys);
  }
}

async function testOpen() {
  const store = new CountingStore();
  const backend = await createKeyedStateBackend({
    operatorUid: 'tested',
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    store,
    storeOperatorId: 1,
    storage: new MemoryStorage(),
    restoreFiles: [],
    cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1, decodedPagesMax: 2 },
  });
  const text = backend.state({ kind: 'value', name: 'text', schema: string() });
  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
  const set = (key: string, value: string): void => {
    backend.setCurrentKey(key);
    text.update(value);
  };
  for (const key of keys) set(key, 'first');
  // Leaves nearly everything in the store.
  await backend.snapshot({ checkpointId: 1, isFull: false, filePrefix: '1' });
  await backend.prepare(['other', 'another', 'third'], 0, 3);
  return { backend, store, text, keys, set };
}

test('pages asked for ahead are not fetched again when they are prepared, on their way or there', async () => {
  const { backend, store, text, keys } = await testOpen();
  const wanted = keys.slice(0, 2);
  store.asked = 0;
  backend.prefetch([...wanted, 'unknown'], 0, 3);
  backend.prefetch(wanted, 0, 2);
  const asked = store.asked;
  expect(asked).toBeGreaterThanOrEqual(2);
  for (let from = 0; from < 2;) {
    const end = await backend.prepare(wanted, from, 2);
    for (; from < end; from++) {
      backend.select(from);
      expect(text.value()).toBe('first');
    }
  }
  expect(store.asked).toBe(asked);
  expect(store.blocking).toBe(0);
});

test('what went to the store again since is not overwritten by what was on its way', async () => {
  const { backend, text, keys, set } = await testOpen();
  backend.prefetch(['k0'], 0, 1);
  // All of it before the answer is looked at: changed with a blocking read, and evicted by many others.
  set('k0', 'second');
  for (let round = 0; round < 3; round++) for (const key of keys.slice(1)) set(key, `round ${round}`);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  backend.setCurrentKey('k0');
  expect(text.value()).toBe('second');
});
