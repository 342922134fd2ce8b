import type { KeyedStateBackend } from '../../../state/keyed/keyed-state-backend.ts';
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

export const ORACLE_BACKEND: TestBackendKind = {
  name: 'oracle',
  create(restored) {
    const backend = new MemoryKeyedStateBackend(restored as MemoryKeyedStateSnapshot | undefined);
    return Promise.resolve({ backend, snapshot: () => Promise.resolve(backend.copy()) });
  },
};

/** Every operator test runs on all of these. */
export const TEST_BACKENDS: readonly TestBackendKind[] = [ORACLE_BACKEND];
