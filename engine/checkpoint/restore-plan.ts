import { UserError } from '../base/errors.ts';
import type { StateFile } from '../../state/snapshot/state-file.ts';
import type { JobGraph } from '../graph/job-graph.ts';
import type { Json } from '../task/source.ts';
import type { CheckpointManifest, OperatorSnapshot, OperatorStateSnapshot } from './manifest.ts';

/** What one subtask of an operator starts with. */
export interface SubtaskRestore {
  /** Files that may hold key groups of the subtask, in the order in which they apply. */
  readonly keyedFiles: readonly StateFile[];
  readonly operatorStates: readonly OperatorStateSnapshot[];
  readonly writerStates: readonly Json[];
}

export const NOTHING_TO_RESTORE: SubtaskRestore = { keyedFiles: [], operatorStates: [], writerStates: [] };

/**
 * Checks that a checkpoint belongs to a job. Pure.
 *
 * @throws UserError STATE_INCOMPATIBLE: other job, other max parallelism, state of an operator that the job no longer has.
 */
export function checkRestorable(manifest: CheckpointManifest, graph: JobGraph, options: RestoreOptions): void {
  if (manifest.jobName !== options.jobName) {
    throw new UserError(
      'STATE_INCOMPATIBLE',
      `the checkpoint is of job '${manifest.jobName}', expected '${options.jobName}' (${options.where})`,
      {
        hint: 'Point --checkpoints at the folder of this job, or at an empty one to start anew.',
      },
    );
  }
  const uids = new Set<string>();
  for (const vertex of graph.vertices) for (const node of vertex.nodes) if (node.uid !== undefined) uids.add(node.uid);
  for (const operator of Object.values(manifest.operators)) {
    if (operator.maxParallelism !== graph.maxParallelism) {
      throw new UserError(
        'STATE_INCOMPATIBLE',
        `operator '${operator.uid}' was stored with max parallelism ${operator.maxParallelism}, the job has ${graph.maxParallelism} (${options.where})`,
        { hint: 'Max parallelism is fixed for the life of the state: set it back.' },
      );
    }
    if (!uids.has(operator.uid) && hasState(operator) && !options.allowNonRestoredState) {
      throw new UserError(
        'STATE_INCOMPATIBLE',
        `the checkpoint holds state of '${operator.uid}' (${operator.name}), which the job does not have (${options.where})`,
        {
          hint: 'Give the operator its old uid back, or drop its state on purpose with --allow-non-restored-state.',
        },
      );
    }
  }
}

export interface RestoreOptions {
  readonly jobName: string;
  /** Address of the manifest, for messages. */
  readonly where: string;
  readonly allowNonRestoredState: boolean;
}

/** Assigns an operator's stored state to a subtask at any parallelism. Pure. */
export function planSubtaskRestore(
  snapshot: OperatorSnapshot,
  subtask: {
    readonly subtaskIndex: number;
    readonly parallelism: number;
    readonly keyGroupStart: number;
    readonly keyGroupEnd: number;
  },
): SubtaskRestore {
  const { subtaskIndex, parallelism, keyGroupStart, keyGroupEnd } = subtask;
  const keyedFiles = snapshot.subtasks.flatMap((stored) =>
    stored.keyedFiles.filter((file) => file.keyGroupStart < keyGroupEnd && keyGroupStart < file.keyGroupEnd),
  );
  const writerStates = snapshot.subtasks
    .flatMap((stored) => stored.writerStates ?? [])
    .filter((_, i) => i % parallelism === subtaskIndex);
  const names = new Set(snapshot.subtasks.flatMap((stored) => stored.operatorStates.map((state) => state.name)));
  const operatorStates = [...names].map((name): OperatorStateSnapshot => {
    const parts = snapshot.subtasks.flatMap((stored) => stored.operatorStates.filter((state) => state.name === name));
    const first = parts[0]!;
    if (first.mode === 'broadcast') return first;
    const entries = parts.flatMap((part) => part.entries);
    return {
      ...first,
      entries: first.mode === 'union' ? entries : entries.filter((_, i) => i % parallelism === subtaskIndex),
    };
  });
  return { keyedFiles, operatorStates, writerStates };
}

function hasState(operator: OperatorSnapshot): boolean {
  return operator.subtasks.some(
    (subtask) =>
      subtask.keyedFiles.some((file) => file.pageCount > 0) ||
      subtask.operatorStates.some((state) => state.entries.length > 0) ||
      (subtask.splits?.length ?? 0) > 0 ||
      (subtask.writerStates?.length ?? 0) > 0,
  );
}
