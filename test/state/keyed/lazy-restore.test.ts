import { expect, test } from 'vitest';
import { CheckpointCorruptError } from '../../../engine/base/errors.ts';
import { keyGroupOf, keyGroupRange } from '../../../state/keyed/key-group.ts';
import {
  createKeyedStateBackend,
  type PagedKeyedStateBackend,
} from '../../../state/keyed/paged-keyed-state-backend.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from './memory-storage.ts';

const MAX_PARALLELISM = 1024;
const KEYS = 20_000;

interface Opened {
  readonly backend: PagedKeyedStateBackend;
  readonly text: { value(): string | undefined; update(text: string): void };
  readonly list: { get(): readonly number[]; add(value: number): void };
  /** Lets the background restore go on. */
  readonly release: () => void;
}

async function testOpen(
  storage: MemoryStorage,
  restoreFiles: readonly StateFile[],
  options: { parallelism?: number; index?: number; isHeld?: boolean; unitBytes?: number; timeToLiveMs?: number } = {},
): Promise<Opened> {
  const { parallelism = 1, index = 0, isHeld = false, unitBytes = 1 << 16, timeToLiveMs } = options;
  const range = keyGroupRange(index, parallelism, MAX_PARALLELISM);
  const gate = Promise.withResolvers<void>();
  if (!isHeld) gate.resolve();
  const backend = await createKeyedStateBackend({
    operatorUid: 'tested',
    maxParallelism: MAX_PARALLELISM,
    keyGroupStart: range.start,
    keyGroupEnd: range.end,
    store: new HeapPageStore(),
    storeOperatorId: 1,
    storage,
    restoreFiles,
    cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1 << 20, decodedPagesMax: 1000, splitBytes: 1000 },
    scheduler: { setTimer: () => expect.unreachable(), delay: () => expect.unreachable(), yield: () => gate.promise },
    lazyRestore: { fromBytes: 0, unitBytes },
  });
  return {
    backend,
    text: backend.state({ kind: 'value', name: 'text', schema: string() }),
    list: backend.state({
      kind: 'list',
      name: 'list',
      schema: long(),
      ...(timeToLiveMs !== undefined && { ttl: { timeToLiveMs, timeDomain: 'processingTime' } }),
    }),
    release: gate.resolve,
  };
}

const textOf = (i: number): string => `${i}`.padEnd(200, 'x');

async function testWrite(opened: Opened, numbers: readonly number[], suffix = ''): Promise<void> {
  await testEach(opened, numbers, (i) => opened.text.update(textOf(i) + suffix));
}

async function testEach({ backend }: Opened, numbers: readonly number[], visit: (i: number) => void): Promise<void> {
  const keys = numbers.map((i) => `user-${i}`);
  for (let from = 0; from < keys.length;) {
    const end = await backend.prepare(keys, from, keys.length);
    for (; from < end; from++) {
      backend.select(from);
      visit(numbers[from]!);
    }
  }
  backend.clearCurrentKey();
}

const ALL = Array.from({ length: KEYS }, (_, i) => i);

async function testState(): Promise<{ storage: MemoryStorage; files: readonly StateFile[]; bytes: number }> {
  const storage = new MemoryStorage();
  const opened = await testOpen(storage, []);
  await testWrite(opened, ALL);
  await opened.backend.snapshot({ checkpointId: 1, isFull: false, filePrefix: '1' });
  await testWrite(
    opened,
    ALL.filter((i) => i % 10 === 0),
    '!',
  );
  const files = await opened.backend.snapshot({ checkpointId: 2, isFull: false, filePrefix: '2' });
  await opened.backend.close();
  return { storage, files, bytes: files.reduce((sum, file) => sum + file.bytes, 0) };
}

const expectedOf = (i: number): string => textOf(i) + (i % 10 === 0 ? '!' : '');

test('keys are found before the rest is read, by reading little of it', async () => {
  const { storage, files, bytes } = await testState();
  storage.readBytes = 0;
  const opened = await testOpen(storage, files, { isHeld: true });
  await testEach(opened, [5, 10, 19_999], (i) => {
    expect(opened.text.value()).toBe(expectedOf(i));
    opened.text.update(`new ${i}`);
  });
  await testEach(opened, [KEYS + 7], () => expect(opened.text.value()).toBeUndefined());
  expect(storage.readBytes).toBeLessThan(bytes / 2);
  let isRestored = false;
  const restored = opened.backend.whenRestored().then(() => void (isRestored = true));
  expect(isRestored).toBe(false);
  opened.release();
  await restored;
  expect(opened.backend.pageCount()).toBe(KEYS);
  await testEach(opened, ALL, (i) =>
    expect(opened.text.value()).toBe([5, 10, 19_999].includes(i) ? `new ${i}` : expectedOf(i)),
  );
});

test('a checkpoint waits until everything was read, and damage that is found late fails it', async () => {
  const { storage, files } = await testState();
  const opened = await testOpen(storage, files, { isHeld: true });
  await testWrite(opened, [1]);
  const last = files.reduce((a, b) => (a.bytes > b.bytes ? a : b));
  storage.objects.get(last.key)![Math.floor(last.bytes / 2)]! ^= 1;
  let isTaken = false;
  const taken = opened.backend.snapshot({ checkpointId: 3, isFull: false, filePrefix: '3' });
  taken.then(
    () => void (isTaken = true),
    () => void (isTaken = true),
  );
  for (let i = 0; i < 1000; i++) await Promise.resolve();
  expect(isTaken).toBe(false);
  opened.release();
  await expect(taken).rejects.toThrow(CheckpointCorruptError);
  expect(() => opened.backend.prepare(['user-2'], 0, 1)).toThrow(CheckpointCorruptError);
});

test('no file stays open when one of them is damaged, or when all is restored', async () => {
  const { storage: written, files } = await testState();
  let openCount = 0;
  class OpeningStorage extends MemoryStorage {
    async openFile(key: string) {
      openCount++;
      return {
        read: async (bytes: Buffer, at: number, length: number, offset: number) => {
          bytes.set(this.objects.get(key)!.subarray(offset, offset + length), at);
          return length;
        },
        readNow: (bytes: Buffer, at: number, length: number, offset: number) => {
          bytes.set(this.objects.get(key)!.subarray(offset, offset + length), at);
          return length;
        },
        close: async () => void openCount--,
      };
    }
  }
  const storage = new OpeningStorage();
  for (const [key, bytes] of written.objects) storage.objects.set(key, bytes);
  const opened = await testOpen(storage, files);
  expect(openCount).toBe(files.length);
  await opened.backend.whenRestored();
  expect(openCount).toBe(0);
  storage.objects.get(files[0]!.key)![0]! ^= 1;
  await expect(testOpen(storage, files)).rejects.toThrow(CheckpointCorruptError);
  expect(openCount).toBe(0);
});

test('a timer fires in time, whatever is restored', async () => {
  const storage = new MemoryStorage();
  const first = await testOpen(storage, []);
  await testEach(first, ALL, (i) => {
    first.text.update(textOf(i));
    if (i % 100 === 0) first.backend.registerEventTimeTimer(0, 1000 + i);
    if (i % 100 === 50) first.backend.registerProcessingTimeTimer(0, 1000 + i);
  });
  const files = await first.backend.snapshot({ checkpointId: 1, isFull: false, filePrefix: '1' });
  const opened = await testOpen(storage, files, { isHeld: true });
  const fired: number[] = [];
  const onTimer = (timestampMs: number): void => void fired.push(timestampMs);
  // Nothing is due, so nothing is waited for.
  expect(await opened.backend.fireEventTimeTimers(999, 100, onTimer)).toBe(true);
  const nextMs = opened.backend.nextProcessingTimeTimerMs()!;
  expect(nextMs).toBeLessThanOrEqual(1050);
  const firing = (async () => {
    while (!(await opened.backend.fireEventTimeTimers(3000, 7, onTimer)));
  })();
  opened.release();
  await firing;
  expect(fired).toEqual(Array.from({ length: 21 }, (_, i) => 1000 + i * 100));
  while (!(await opened.backend.fireProcessingTimeTimers(1200, 7, onTimer)));
  expect(fired.slice(21)).toEqual([1050, 1150]);
});

test('a list in parts is whole when its key is used', async () => {
  const storage = new MemoryStorage();
  const first = await testOpen(storage, []);
  await testWrite(first, ALL);
  await testEach(first, [7], () => {
    for (let n = 0; n < 5000; n++) first.list.add(n);
  });
  const files = await first.backend.snapshot({ checkpointId: 1, isFull: false, filePrefix: '1' });
  const opened = await testOpen(storage, files);
  await testEach(opened, [7], () => expect(opened.list.get()).toHaveLength(5000));
});

test('what has outlived its time is cleaned up when all is restored, and holds up nothing before', async () => {
  const storage = new MemoryStorage();
  const first = await testOpen(storage, [], { timeToLiveMs: 1000 });
  const keys = ALL.slice(0, 2000);
  first.backend.setProcessingTime(1);
  await testEach(first, keys, (i) => {
    for (let n = 0; n < (i % 10 === 0 ? 1000 : 1); n++) first.list.add(n);
  });
  const files = await first.backend.snapshot({ checkpointId: 1, isFull: false, filePrefix: '1' });
  const opened = await testOpen(storage, files, { isHeld: true, unitBytes: 32 << 20, timeToLiveMs: 1000 });
  for (let i = 0; i < 1000; i++) await Promise.resolve();
  expect(opened.backend.pageCount()).toBeGreaterThan(0);
  opened.backend.setProcessingTime(100_000);
  let isDone = false;
  const fired = Promise.resolve(opened.backend.fireProcessingTimeTimers(100_000, 100, () => {}));
  void fired.then(() => void (isDone = true));
  for (let i = 0; i < 1000; i++) await Promise.resolve();
  expect(isDone).toBe(true);
  opened.release();
  await fired;
  await opened.backend.whenRestored();
  expect(opened.backend.pageCount()).toBe(keys.length);
  for (let i = 0; i < 10; i++) await opened.backend.fireProcessingTimeTimers(100_000, 100, () => {});
  expect(opened.backend.pageCount()).toBe(0);
});

test('each subtask reads its own key groups when the parallelism changes', async () => {
  const { storage, ...state } = await testState();
  let { files, bytes } = state;
  for (const parallelism of [3, 2, 1]) {
    const next: StateFile[] = [];
    storage.readBytes = 0;
    let keyCount = 0;
    for (let index = 0; index < parallelism; index++) {
      const before = storage.readBytes;
      const opened = await testOpen(storage, files, { parallelism, index, unitBytes: 32 << 20 });
      await opened.backend.whenRestored();
      expect(storage.readBytes - before).toBeLessThan((bytes / parallelism) * 1.2 + files.length * 40_000);
      const range = keyGroupRange(index, parallelism, MAX_PARALLELISM);
      const mine = ALL.filter((i) => {
        const group = keyGroupOf(`user-${i}`, MAX_PARALLELISM);
        return group >= range.start && group < range.end;
      });
      keyCount += mine.length;
      await testEach(opened, mine, (i) => expect(opened.text.value()).toBe(expectedOf(i)));
      const options = { checkpointId: 10 + parallelism, isFull: false, filePrefix: `${parallelism}-${index}` };
      next.push(...(await opened.backend.snapshot(options)));
      await opened.backend.close();
    }
    expect(keyCount).toBe(KEYS);
    files = next;
    bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  }
});
