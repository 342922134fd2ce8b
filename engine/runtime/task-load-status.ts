import type { MetricGroup } from '../base/metrics.ts';

/** How a subtask has spent the last second, milliseconds of it. */
export interface TaskLoadStatus {
  readonly task: string;
  readonly subtaskIndex: number;
  /** Index of the worker thread; undefined on the main thread. */
  readonly worker: number | undefined;
  readonly busyMs: number;
  readonly backPressuredMs: number;
  readonly idleMs: number;
}

/** In the order of the graph, subtasks of a task together. */
export function taskLoadsOf(metrics: MetricGroup): TaskLoadStatus[] {
  const loads = new Map<string, Map<number, TaskLoadStatus>>();
  metrics.forEach((labels, name, value) => {
    const { task, subtask, worker } = labels;
    if (name !== 'busyTimeMsPerSecond' && name !== 'backPressuredTimeMsPerSecond' && name !== 'idleTimeMsPerSecond')
      return;
    if (task === undefined || subtask === undefined) return;
    const subtasks = loads.get(task) ?? new Map<number, TaskLoadStatus>();
    loads.set(task, subtasks);
    const subtaskIndex = Number(subtask);
    const before = subtasks.get(subtaskIndex) ?? {
      task,
      subtaskIndex,
      worker: worker === undefined ? undefined : Number(worker),
      busyMs: 0,
      backPressuredMs: 0,
      idleMs: 0,
    };
    const part =
      name === 'busyTimeMsPerSecond' ? 'busyMs' : name === 'idleTimeMsPerSecond' ? 'idleMs' : 'backPressuredMs';
    subtasks.set(subtaskIndex, { ...before, [part]: value });
  });
  return [...loads.values()].flatMap((subtasks) =>
    [...subtasks.values()].sort((a, b) => a.subtaskIndex - b.subtaskIndex),
  );
}
