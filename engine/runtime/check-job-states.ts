import type { Environment } from '../base/environment.ts';
import { CheckpointCorruptError, UserError } from '../base/errors.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import { type Compatibility, compareStates } from '../checkpoint/compatibility.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import { hasState } from '../checkpoint/restore-plan.ts';
import { storedKeyedStates } from '../checkpoint/stored-states.ts';
import type { JobGraph } from '../graph/job-graph.ts';
import { declaredStates } from './declared-states.ts';

export interface CheckOptions {
  readonly environment: Environment;
  readonly jobName: string;
  readonly where: string;
  readonly allowNonRestoredState: boolean;
  /** Also the states of operators that the checkpoint does not have. Default false: they need not be opened. */
  readonly isComplete?: boolean | undefined;
}

/**
 * Holds a checkpoint against a job before it starts: what its operators declare against what the state files hold.
 *
 * @throws CheckpointCorruptError when a state file is missing or torn.
 */
export async function checkJobStates(
  manifest: CheckpointManifest,
  storage: ObjectStorage,
  graph: JobGraph,
  options: CheckOptions,
): Promise<Compatibility> {
  const { environment, jobName, where, allowNonRestoredState, isComplete = false } = options;
  const isWanted = (uid: string): boolean => {
    const stored = manifest.operators[uid];
    return isComplete || (stored !== undefined && hasState(stored));
  };
  const stored = await storedKeyedStates(manifest, storage);
  const operators = await declaredStates(graph, environment, isWanted);
  const job = { jobName, maxParallelism: graph.maxParallelism, operators };
  return compareStates(manifest, job, { where, allowNonRestoredState, stored });
}

/** Undefined when what is read is missing or damaged: whoever restores it says so. */
export async function unlessCorrupt<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof CheckpointCorruptError) return undefined;
    if (error instanceof UserError && (error.code === 'CHECKPOINT_CORRUPT' || error.code === 'NOT_FOUND'))
      return undefined;
    throw error;
  }
}
