import { UserError } from '../base/errors.ts';

/** How the memory of a process is split. Bytes. */
export interface MemoryPlan {
  /** What the process should take at most. */
  readonly totalBytes: number;
  /** Code, heap, records under way, and what reads and writes state: by threads, whatever the cache. */
  readonly processBytes: number;
  /** Page caches of all keyed operators together: decoded and encoded pages, time indexes. */
  readonly cacheBytes: number;
  /** What checkpoints may hold of the cache besides, while they are written. */
  readonly snapshotBytes: number;
  /** RocksDB: write buffers of all stores, and their block caches. */
  readonly storeBytes: number;
  /** One of the three write buffers of a store. */
  readonly writeBufferBytes: number;
}

const MB = 1024 ** 2;
/** Measured on Node 24 (test/bench/scale.bench.ts). */
const PROCESS_BYTES = 260 * MB;
const THREAD_BYTES = 320 * MB;
/** Fixed by the binding. */
const BLOCK_CACHE_BYTES = 32 * MB;
const WRITE_BUFFERS = 3;
const WRITE_BUFFER_SHARE = 1 / 64;
const WRITE_BUFFER_BYTES_MIN = 4 * MB;
const WRITE_BUFFER_BYTES_MAX = 32 * MB;
const CACHE_BYTES_MIN = 16 * MB;

/**
 * Splits the memory of a process: what does not depend on the state first, the rest halved between the cache and what a
 * checkpoint keeps of it while it is written.
 *
 * @param threads that hold tasks: the workers, at least 1.
 * @throws UserError CONFIGURATION when it is too little.
 */
export function planMemory(totalBytes: number, threads: number): MemoryPlan {
  const writeBufferBytes = writeBufferOf(totalBytes, threads);
  const processBytes = PROCESS_BYTES + threads * THREAD_BYTES;
  const storeBytes = threads * (WRITE_BUFFERS * writeBufferBytes + BLOCK_CACHE_BYTES);
  const cacheBytes = Math.floor((totalBytes - processBytes - storeBytes) / 2);
  if (cacheBytes < CACHE_BYTES_MIN) {
    const leastMb = Math.ceil((processBytes + storeBytes + 2 * CACHE_BYTES_MIN) / MB);
    const found = Math.floor(totalBytes / MB);
    throw new UserError(
      'CONFIGURATION',
      `--memory: expected at least ${leastMb}MB for ${threads} ${threads === 1 ? 'thread' : 'threads'}, found ${found}MB`,
      { hint: 'Give more memory or fewer --workers, or set the size of the page caches alone with --cache.' },
    );
  }
  return { totalBytes, processBytes, cacheBytes, snapshotBytes: cacheBytes, storeBytes, writeBufferBytes };
}

/** What a process with such a cache takes. */
export function planOfCache(cacheBytes: number, threads: number): MemoryPlan {
  const processBytes = PROCESS_BYTES + threads * THREAD_BYTES;
  const writeBufferBytes = writeBufferOf(processBytes + 2 * cacheBytes, threads);
  const storeBytes = threads * (WRITE_BUFFERS * writeBufferBytes + BLOCK_CACHE_BYTES);
  const totalBytes = processBytes + storeBytes + 2 * cacheBytes;
  return { totalBytes, processBytes, cacheBytes, snapshotBytes: cacheBytes, storeBytes, writeBufferBytes };
}

function writeBufferOf(totalBytes: number, threads: number): number {
  const share = Math.floor((totalBytes * WRITE_BUFFER_SHARE) / threads);
  return Math.min(WRITE_BUFFER_BYTES_MAX, Math.max(WRITE_BUFFER_BYTES_MIN, share));
}
