import type { OperatorSnapshot, OperatorStateSnapshot } from '../../../engine/checkpoint/manifest.ts';
import { repartitionOperatorState as dealOperatorState } from '../../../engine/checkpoint/repartition.ts';

/** State of an operator, for `initializeState`: what `snapshot` took of one subtask, or `repackageState` put together. */
export interface HarnessSnapshot {
  readonly maxParallelism: number;
  readonly subtasks: readonly HarnessSubtaskSnapshot[];
}

export interface HarnessSubtaskSnapshot {
  /** What the keyed state backend gave; undefined when no input is keyed. */
  readonly keyed: unknown;
  /** Operator state: list, union, broadcast. */
  readonly operator: readonly OperatorStateSnapshot[];
}

/** A place among the subtasks of an operator. */
export interface SubtaskPlace {
  /** How many subtasks there are. */
  readonly parallelism: number;
  /** From 0. */
  readonly subtaskIndex: number;
}

/** Puts the snapshots of all subtasks of an operator together, in the order of their subtask indexes. */
export function repackageState(...snapshots: readonly HarnessSnapshot[]): HarnessSnapshot {
  const [first] = snapshots;
  const other = snapshots.find(({ maxParallelism }) => maxParallelism !== first?.maxParallelism);
  if (first === undefined) throw new Error('repackageState: expected at least one snapshot');
  if (other !== undefined)
    throw new Error(`repackageState: expected max parallelism ${first.maxParallelism}, found ${other.maxParallelism}`);
  return { maxParallelism: first.maxParallelism, subtasks: snapshots.flatMap(({ subtasks }) => subtasks) };
}

/**
 * What one subtask starts with after a change of parallelism: its part of the operator state, as a job deals it out, and all
 * keyed state, of which a subtask takes its key groups. `initializeState` does the same by itself.
 */
export function repartitionOperatorState(snapshot: HarnessSnapshot, place: SubtaskPlace): HarnessSubtaskSnapshot {
  const { subtasks, maxParallelism } = snapshot;
  const stored: OperatorSnapshot = {
    uid: 'operator',
    name: 'operator',
    parallelism: subtasks.length,
    maxParallelism,
    keyedStates: [],
    subtasks: subtasks.map(({ operator }, subtaskIndex) => ({
      subtaskIndex,
      keyedFiles: [],
      operatorStates: operator,
    })),
  };
  return {
    keyed: subtasks.map(({ keyed }) => keyed).filter((keyed) => keyed !== undefined),
    operator: dealOperatorState(stored, place),
  };
}
