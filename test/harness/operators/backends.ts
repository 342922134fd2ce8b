import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import type { KeyedStateBackend } from '../../../state/keyed/keyed-state-backend.ts';
import { createKeyedStateBackend } from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { DirectoryStorage } from '../../../state/storage/directory-storage.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryKeyedStateBackend, type MemoryKeyedStateSnapshot } from './memory-keyed-state-backend.ts';

/** A kind of keyed state backend under a harness. */
export interface TestBackendKind {
  readonly name: string;
  /** @param restored what `snapshot` of the same kind gave. */
  create(restored: unknown): Promise<TestBackend>;
}

export interface TestBackend {
  readonly backend: KeyedStateBackend;
  snapshot(checkpointId: number): Promise<unknown>;
}

/** Plain maps; copies everything, so that an operator that changes a value without handing it back shows. */
export const ORACLE_BACKEND: TestBackendKind = {
  name: 'oracle',
  create(restored) {
    const backend = new MemoryKeyedStateBackend(restored as MemoryKeyedStateSnapshot | undefined);
    return Promise.resolve({ backend, snapshot: () => Promise.resolve(backend.copy()) });
  },
};

interface PagedSnapshot {
  readonly storage: ObjectStorage;
  readonly files: readonly StateFile[];
}

/** The engine's backend on a heap store, with room for `decodedPagesMax` decoded pages. */
function pagedBackend(name: string, decodedPagesMax: number): TestBackendKind {
  return {
    name,
    async create(restored) {
      const { storage, files } = (restored as PagedSnapshot | undefined) ?? {
        storage: new DirectoryStorage(new VirtualEnvironment(), '/checkpoints'),
        files: [],
      };
      const backend = await createKeyedStateBackend({
        operatorUid: 'operator',
        maxParallelism: 128,
        keyGroupStart: 0,
        keyGroupEnd: 128,
        store: new HeapPageStore(),
        storeOperatorId: 0,
        storage,
        restoreFiles: files,
        cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1 << 20, decodedPagesMax },
      });
      return {
        backend,
        async snapshot(checkpointId): Promise<PagedSnapshot> {
          const filePrefix = `chk-${checkpointId}-${storage.description}`.replaceAll(/[^a-z0-9-]+/g, '-');
          return { storage, files: await backend.snapshot({ checkpointId, isFull: false, filePrefix }) };
        },
      };
    },
  };
}

/** The engine's backend. */
export const PAGED_BACKEND: TestBackendKind = pagedBackend('paged', 65_536);

/** The engine's backend with so little room that nearly every record finds its page encoded. */
export const SMALL_PAGED_BACKEND: TestBackendKind = pagedBackend('paged, small cache', 2);

/** Every operator test runs on all of these. */
export const TEST_BACKENDS: readonly TestBackendKind[] = [ORACLE_BACKEND, PAGED_BACKEND, SMALL_PAGED_BACKEND];
