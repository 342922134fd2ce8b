import type { StateFile } from '../../state/snapshot/state-file.ts';
import type { Json } from '../task/source.ts';
import type { OperatorSnapshot, OperatorStateSnapshot } from './manifest.ts';
import { repartitionOperatorState } from './repartition.ts';

/** What one subtask of an operator starts with. */
export interface SubtaskRestore {
  /** Files that may hold key groups of the subtask, in the order in which they apply. */
  readonly keyedFiles: readonly StateFile[];
  readonly operatorStates: readonly OperatorStateSnapshot[];
  readonly writerStates: readonly Json[];
}

export const NOTHING_TO_RESTORE: SubtaskRestore = { keyedFiles: [], operatorStates: [], writerStates: [] };

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
  const isSame = snapshot.parallelism === parallelism && snapshot.subtasks.length === parallelism;
  const writerStates = isSame
    ? (snapshot.subtasks[subtaskIndex]!.writerStates ?? [])
    : snapshot.subtasks
        .flatMap((stored) => stored.writerStates ?? [])
        .filter((_, i) => i % parallelism === subtaskIndex);
  const operatorStates = repartitionOperatorState(snapshot, { subtaskIndex, parallelism });
  return { keyedFiles, operatorStates, writerStates };
}

/** Whether a restore without this operator would lose anything. */
export function hasState(operator: OperatorSnapshot): boolean {
  return operator.subtasks.some(
    (subtask) =>
      subtask.keyedFiles.some((file) => file.pageCount > 0) ||
      subtask.operatorStates.some((state) => state.entries.length > 0) ||
      (subtask.splits?.length ?? 0) > 0 ||
      (subtask.writerStates?.length ?? 0) > 0,
  );
}
