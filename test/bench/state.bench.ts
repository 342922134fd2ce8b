/**
 * Keyed state: ns of CPU time per record, against the same on a plain `Map`.
 * Run: npx node test/bench/state.bench.ts [case]    Unit: ns per record, CPU of the process    Sizes: below (tiny when
 * TIDEMARK_BENCH=test)
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKeyedStateBackend, type PagedKeyedStateBackend } from '../../state/keyed/paged-keyed-state-backend.ts';
import type { Key } from '../../state/keyed/key.ts';
import { record } from '../../state/schema/record.ts';
import { float64, long, string, timestampMs } from '../../state/schema/scalars.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import type { PageStore } from '../../state/store/page-store.ts';
import { openRocksDbPageStore } from '../../state/store/rocksdb-page-store.ts';
import { MemoryStorage } from '../state/keyed/memory-storage.ts';

const IS_TEST = process.env['TIDEMARK_BENCH'] === 'test';
const N = IS_TEST ? 5_000 : 2_000_000;
const BATCH = 1024;
const MAX_PARALLELISM = 32_768;
const MB = 1 << 20;

const Impression = record('Impression', {
  impressionId: string(),
  userId: string(),
  campaignId: string(),
  at: timestampMs(),
  costMicros: long(),
  score: float64(),
});
const IMPRESSION = { kind: 'value', name: 'impression', schema: Impression } as const;
const COUNT = { kind: 'value', name: 'count', schema: long() } as const;

interface Sizes {
  readonly decodedPagesMax?: number | undefined;
  readonly decodedMb: number;
  readonly encodedMb: number;
}

let store: PageStore = new HeapPageStore();

async function open(sizes: Sizes): Promise<{ backend: PagedKeyedStateBackend; storage: MemoryStorage }> {
  const storage = new MemoryStorage();
  const backend = await createKeyedStateBackend({
    operatorUid: 'bench',
    maxParallelism: MAX_PARALLELISM,
    keyGroupStart: 0,
    keyGroupEnd: MAX_PARALLELISM,
    store,
    storeOperatorId: 0,
    storage,
    restoreFiles: [],
    cache: {
      decodedBytesMax: sizes.decodedMb * MB,
      encodedBytesMax: sizes.encodedMb * MB,
      decodedPagesMax: sizes.decodedPagesMax,
    },
  });
  return { backend, storage };
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function report(name: string, records: number, startNs: number, note = ''): void {
  const ns = (cpuNs() - startNs) / records;
  console.log(`${name.padEnd(58)} ${ns.toFixed(0).padStart(6)} ns  ${note}`);
}

function impression(i: number): ReturnType<typeof makeImpression> {
  return makeImpression(i);
}

const scratch = Buffer.alloc(64);

/** As a decoder makes it: no rope of pieces. */
function flat(text: string): string {
  return scratch.toString('latin1', 0, scratch.write(text, 'latin1'));
}

function makeImpression(i: number) {
  return {
    impressionId: flat(`imp-${i.toString(36)}-${(i * 7919) % 10_007}`),
    userId: `user-${(i * 31) % 100_000}`,
    campaignId: `c-${i % 1000}`,
    at: 1_700_000_000_000 + i,
    costMicros: 1_000 + (i % 5000),
    score: i / 7,
  };
}

/** Makes the records of a batch outside of the measured time as far as possible: the cost of making is shown apart. */
async function makeOnly(): Promise<void> {
  const start = cpuNs();
  let sum = 0;
  for (let i = 0; i < N; i++) sum += impression(i).impressionId.length;
  report('(making a record and its key)', N, start, `${sum > 0 ? '' : sum}`);
}

async function insertOnceMap(): Promise<void> {
  const map = new Map<Key, unknown>();
  const start = cpuNs();
  for (let i = 0; i < N; i++) {
    const value = impression(i);
    map.set(value.impressionId, { value, timerAt: value.at + 600_000 });
  }
  report('insert once, plain Map (no timers, no checkpoints)', N, start);
}

async function insertOnce(checkpointEvery: number, expires: boolean): Promise<void> {
  const { backend } = await open({ decodedMb: 64, encodedMb: 1024 });
  const state = backend.state(IMPRESSION);
  const keys: Key[] = new Array<Key>(BATCH).fill('');
  const values: ReturnType<typeof impression>[] = [];
  const start = cpuNs();
  let fired = 0;
  let pages = 0;
  let checkpointNs = 0;
  let snapshot: Promise<unknown> = Promise.resolve();
  const onTimer = (): void => {
    fired++;
    state.clear();
  };
  for (let i = 0; i < N;) {
    const count = Math.min(BATCH, N - i);
    for (let j = 0; j < count; j++) {
      const value = impression(i + j);
      values[j] = value;
      keys[j] = value.impressionId;
    }
    let end = 0;
    for (let from = 0; from < count; from = end) {
      const prepared = backend.prepare(keys, from, count);
      end = typeof prepared === 'number' ? prepared : await prepared;
      for (let j = from; j < end; j++) {
        backend.select(j);
        const value = values[j]!;
        state.update(value);
        backend.registerEventTimeTimer(0, value.at + 300_000);
      }
    }
    i += count;
    if (expires) {
      let done: boolean | Promise<boolean> = false;
      while (done !== true) {
        done = backend.fireEventTimeTimers(1_700_000_000_000 + i, 10_000, onTimer);
        if (typeof done !== 'boolean') done = await done;
      }
    }
    if (checkpointEvery > 0 && i % checkpointEvery < BATCH) {
      await snapshot;
      const before = cpuNs();
      snapshot = backend.snapshot({ checkpointId: i, isFull: false, filePrefix: 'x' });
      checkpointNs += cpuNs() - before;
      pages++;
    }
  }
  await snapshot;
  const name = `insert once${checkpointEvery > 0 ? `, checkpoint every ${checkpointEvery}` : ''}${expires ? ', timers fire and clear' : ''}`;
  const memory = backend.memoryBytes();
  const sync = pages > 0 ? `, sync part ${(checkpointNs / pages / 1e6).toFixed(1)} ms` : '';
  report(name, N, start, `fired ${fired}, encoded ${Math.round(memory.encoded / MB)} MB${sync}`);
  await backend.close();
}

async function counterMap(keyCount: number): Promise<void> {
  const map = new Map<Key, number>();
  const keys = makeKeys(keyCount);
  for (const key of new Set(keys)) map.set(key, 0);
  const start = cpuNs();
  for (let i = 0; i < N; i++) {
    const key = keys[i % keys.length]!;
    map.set(key, map.get(key)! + 1);
  }
  report(`counter on ${keyCount} keys, plain Map`, N, start);
}

function makeKeys(keyCount: number): Key[] {
  const distinct = Array.from({ length: keyCount }, (_, i) => `user-${i * 7}`);
  const keys: Key[] = [];
  let x = 12345;
  for (let i = 0; i < Math.min(N, 4_194_304); i++) {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    keys.push(distinct[(x >>> 8) % keyCount]!);
  }
  return keys;
}

async function counter(keyCount: number, sizes: Sizes): Promise<void> {
  const { backend } = await open(sizes);
  const state = backend.state(COUNT);
  const keys = makeKeys(keyCount);
  const batch: Key[] = new Array<Key>(BATCH).fill('');
  const run = async (records: number): Promise<void> => {
    for (let i = 0; i < records;) {
      const count = Math.min(BATCH, records - i);
      for (let j = 0; j < count; j++) batch[j] = keys[(i + j) % keys.length]!;
      let end = 0;
      for (let from = 0; from < count; from = end) {
        const prepared = backend.prepare(batch, from, count);
        end = typeof prepared === 'number' ? prepared : await prepared;
        for (let j = from; j < end; j++) {
          backend.select(j);
          state.update((state.value() ?? 0) + 1);
        }
      }
      i += count;
    }
  };
  await run(Math.min(N, keyCount * 3));
  const start = cpuNs();
  await run(N);
  const pages = sizes.decodedPagesMax ?? 65_536;
  const memory = backend.memoryBytes();
  report(
    `counter on ${keyCount} keys, ${pages} decoded pages`,
    N,
    start,
    `encoded ${(memory.encoded / MB).toFixed(0)} MB, store ${(memory.store / MB).toFixed(0)} MB`,
  );
  await backend.close();
}

async function snapshots(): Promise<void> {
  const { backend, storage } = await open({ decodedMb: 64, encodedMb: 512 });
  const state = backend.state(IMPRESSION);
  const count = Math.min(N, 500_000);
  for (let i = 0; i < count; i++) {
    const value = impression(i);
    if (i % BATCH === 0) await backend.prepare([value.impressionId], 0, 1);
    backend.setCurrentKey(value.impressionId);
    state.update(value);
  }
  let start = cpuNs();
  const files = await backend.snapshot({ checkpointId: 1, isFull: false, filePrefix: 'x' });
  report(
    'snapshot, per dirty page',
    count,
    start,
    `${(files.reduce((sum, file) => sum + file.bytes, 0) / MB).toFixed(0)} MB`,
  );
  start = cpuNs();
  const restored = await createKeyedStateBackend({
    operatorUid: 'bench',
    maxParallelism: MAX_PARALLELISM,
    keyGroupStart: 0,
    keyGroupEnd: MAX_PARALLELISM,
    store: new HeapPageStore(),
    storeOperatorId: 0,
    storage,
    restoreFiles: files,
    cache: { decodedBytesMax: 64 * MB, encodedBytesMax: 512 * MB },
  });
  report('restore, per page', count, start, `${restored.pageCount()} pages`);
  await restored.close();
  await backend.close();
}

const CASES: Record<string, () => Promise<void>> = {
  make: makeOnly,
  insertMap: insertOnceMap,
  insert: () => insertOnce(0, false),
  insertCheckpoint: () => insertOnce(200_000, false),
  insertExpire: () => insertOnce(200_000, true),
  hotMap: () => counterMap(1_000),
  hot: () => counter(1_000, { decodedMb: 64, encodedMb: 256 }),
  wideMap: () => counterMap(1_000_000),
  wide: () => counter(1_000_000, { decodedMb: 64, encodedMb: 256, decodedPagesMax: 100_000 }),
  wide4k: () => counter(1_000_000, { decodedMb: 64, encodedMb: 256, decodedPagesMax: 4_096 }),
  wide16k: () => counter(1_000_000, { decodedMb: 64, encodedMb: 256, decodedPagesMax: 16_384 }),
  wideRocks: async () => {
    const path = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
    store = await openRocksDbPageStore({ directory: join(path, 'store') });
    await counter(1_000_000, { decodedMb: 64, encodedMb: 16, decodedPagesMax: 10_000 });
    await store.close();
    store = new HeapPageStore();
    rmSync(path, { recursive: true, force: true });
  },
  wideSpilled: () => counter(1_000_000, { decodedMb: 64, encodedMb: 16, decodedPagesMax: 10_000 }),
  snapshot: snapshots,
};

const wanted = process.argv.slice(2);
for (const [name, run] of Object.entries(CASES)) {
  if (wanted.length === 0 || wanted.includes(name)) await run();
}
