import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { keyGroupOf } from '../../../state/keyed/key-group.ts';
import type { KeyedStateBackend } from '../../../state/keyed/keyed-state-backend.ts';
import { createKeyedStateBackend } from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { DirectoryStorage } from '../../../state/storage/directory-storage.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import type { PageStore } from '../../../state/store/page-store.ts';
import { openRocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';
import { MemoryKeyedStateBackend, type MemoryKeyedStateSnapshot } from './memory-keyed-state-backend.ts';

/** A kind of keyed state backend under a harness. */
export interface TestBackendKind {
  readonly name: string;
  /** @param restored what `snapshot` of the same kind gave, of every subtask. */
  create(restored: readonly unknown[], keyGroups: KeyGroups): Promise<TestBackend>;
}

/** The key groups of a subtask: [start, end) of `maxParallelism`. */
export interface KeyGroups {
  readonly start: number;
  readonly end: number;
  readonly maxParallelism: number;
}

export interface TestBackend {
  readonly backend: KeyedStateBackend;
  snapshot(checkpointId: number): Promise<unknown>;
}

/** Plain maps; copies everything, so that an operator that changes a value without handing it back shows. */
export const ORACLE_BACKEND: TestBackendKind = {
  name: 'oracle',
  create(restored, { start, end, maxParallelism }) {
    const backend = new MemoryKeyedStateBackend(restored as readonly MemoryKeyedStateSnapshot[], (key) => {
      const keyGroup = keyGroupOf(key, maxParallelism);
      return keyGroup >= start && keyGroup < end;
    });
    return Promise.resolve({ backend, snapshot: () => Promise.resolve(backend.copy()) });
  },
};

interface PagedSnapshot {
  readonly storage: ObjectStorage;
  readonly files: readonly StateFile[];
}

interface PagedBackendOptions {
  readonly decodedPagesMax: number;
  readonly encodedBytesMax: number;
  openStore(): Promise<{ readonly store: PageStore; readonly storeOperatorId: number }>;
}

/** The engine's backend on a store, with room for `decodedPagesMax` decoded pages. */
function pagedBackend(name: string, options: PagedBackendOptions): TestBackendKind {
  const { decodedPagesMax, encodedBytesMax } = options;
  return {
    name,
    async create(restored, { start, end, maxParallelism }) {
      const { storage, files } = await together(restored as readonly PagedSnapshot[]);
      const backendIndex = backendCount++;
      const backend = await createKeyedStateBackend({
        operatorUid: 'operator',
        maxParallelism,
        keyGroupStart: start,
        keyGroupEnd: end,
        ...(await options.openStore()),
        storage,
        restoreFiles: files,
        cache: { decodedBytesMax: 1 << 20, encodedBytesMax, decodedPagesMax },
      });
      return {
        backend,
        async snapshot(checkpointId): Promise<PagedSnapshot> {
          const filePrefix = `chk-${checkpointId}-${backendIndex}`;
          return { storage, files: await backend.snapshot({ checkpointId, isFull: false, filePrefix }) };
        },
      };
    },
  };
}

/** Tells the files of backends apart. */
let backendCount = 0;

/** All files of several subtasks in one storage. */
async function together(snapshots: readonly PagedSnapshot[]): Promise<PagedSnapshot> {
  const storage = snapshots[0]?.storage ?? new DirectoryStorage(new VirtualEnvironment(), '/checkpoints');
  for (const other of snapshots) {
    if (other.storage === storage) continue;
    for (const { key } of other.files) await storage.put(key, (await other.storage.get(key))!.bytes);
  }
  return { storage, files: snapshots.flatMap(({ files }) => files) };
}

const onHeap: Pick<PagedBackendOptions, 'encodedBytesMax' | 'openStore'> = {
  encodedBytesMax: 1 << 20,
  openStore: () => Promise.resolve({ store: new HeapPageStore(), storeOperatorId: 0 }),
};

let sharedRocksDb: Promise<PageStore> | undefined;
let rocksDbAreaCount = 0;

/** One database for all backends of the process, an area each: opening one takes longer than most tests. */
async function openRocksDbArea(): Promise<{ store: PageStore; storeOperatorId: number }> {
  if (sharedRocksDb === undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'tidemark-backend-'));
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
    sharedRocksDb = openRocksDbPageStore({ directory });
  }
  return { store: await sharedRocksDb, storeOperatorId: rocksDbAreaCount++ % ROCKSDB_AREAS };
}

/** Backends alive at the same time, at most; an area is emptied when it is used again. */
const ROCKSDB_AREAS = 64;

/** The engine's backend. */
export const PAGED_BACKEND: TestBackendKind = pagedBackend('paged', { ...onHeap, decodedPagesMax: 65_536 });

/** The engine's backend with so little room that nearly every record finds its page encoded. */
export const SMALL_PAGED_BACKEND: TestBackendKind = pagedBackend('paged, small cache', {
  ...onHeap,
  decodedPagesMax: 2,
});

/** The engine's backend over RocksDB, with room for three pages: every other one lies in the database. */
export const ROCKSDB_BACKEND: TestBackendKind = pagedBackend('RocksDB, three pages', {
  decodedPagesMax: 3,
  encodedBytesMax: 1,
  openStore: openRocksDbArea,
});

/** Every operator test runs on all of these. */
export const TEST_BACKENDS: readonly TestBackendKind[] = [
  ORACLE_BACKEND,
  PAGED_BACKEND,
  SMALL_PAGED_BACKEND,
  ROCKSDB_BACKEND,
];
