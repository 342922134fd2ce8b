import type { ExecutionPlan } from './execution-plan.ts';
import type { JobGraph } from './job-graph.ts';

/** Which worker thread runs which subtask. */
export interface Placement {
  /** Workers that have something to do: at most what was asked for, and no more than there are slots. */
  readonly workerCount: number;
  /** Index of the worker, by task id. */
  readonly workerOf: readonly number[];
}

/**
 * Deals subtasks to worker threads, as Flink fills slots: there are as many slots as the largest parallelism, subtask i of
 * every vertex goes to slot i, and slots are dealt to the workers in turn. So one subtask of each operator meets in a slot,
 * and what stays in a subtask stays in a thread. Pure.
 */
export function placeSubtasks(graph: JobGraph, plan: ExecutionPlan, workerCountMax: number): Placement {
  const slotCount = Math.max(...graph.vertices.map(({ parallelism }) => parallelism));
  const workerCount = Math.min(workerCountMax, slotCount);
  return { workerCount, workerOf: plan.subtasks.map(({ subtaskIndex }) => subtaskIndex % workerCount) };
}
