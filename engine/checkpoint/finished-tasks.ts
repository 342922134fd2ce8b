import type { ExecutionPlan, PlannedSubtask } from '../graph/execution-plan.ts';
import type { JobGraph, JobVertex } from '../graph/job-graph.ts';
import { uidOf } from '../graph/node-uid.ts';
import type { CheckpointManifest, OperatorSnapshot } from './manifest.ts';

/** How a task starts from a checkpoint that was taken after some tasks had finished. */
export interface FinishedTasks {
  /** Tasks that had finished, and are not run again. */
  readonly taskIds: ReadonlySet<number>;
  /** Vertices that get nothing but the end of their inputs: what subtasks that had finished have left is not for others. */
  readonly endingVertexIds: ReadonlySet<number>;
}

const NONE: FinishedTasks = { taskIds: new Set(), endingVertexIds: new Set() };

/**
 * Finds the tasks that must not end a second time, because an operator may emit at its end what is still in its state. A
 * task is finished when it was, and everything before it is. Pure.
 *
 * A source is finished when all of its subtasks were, because splits that come back may go to any; one without end never
 * is: the next start reads on.
 */
export function findFinishedTasks(
  manifest: CheckpointManifest | undefined,
  graph: JobGraph,
  plan: ExecutionPlan,
): FinishedTasks {
  if (manifest === undefined || manifest.isFinal) return NONE;
  const taskIds = new Set<number>();
  const endingVertexIds = new Set<number>();
  for (const subtask of plan.subtasks) {
    const vertex = graph.vertices[subtask.vertexId]!;
    const haveInputsFinished = plan.channels.every(
      ({ targetTaskId, sourceTaskId }) => targetTaskId !== subtask.taskId || taskIds.has(sourceTaskId),
    );
    if (!haveInputsFinished) continue;
    if (vertex.head.kind !== 'source') endingVertexIds.add(vertex.vertexId);
    if (hadFinished(manifest, vertex, subtask)) taskIds.add(subtask.taskId);
  }
  return { taskIds, endingVertexIds };
}

function hadFinished(manifest: CheckpointManifest, vertex: JobVertex, { subtaskIndex }: PlannedSubtask): boolean {
  const { head } = vertex;
  if (head.kind === 'source' && head.source.boundedness === 'unbounded') return false;
  return vertex.nodes.every((node) => {
    const snapshot = manifest.operators[uidOf(node)];
    if (snapshot === undefined) return false;
    const isSame = snapshot.parallelism === vertex.parallelism && head.kind !== 'source';
    const stored = isSame
      ? snapshot.subtasks.filter((subtask) => subtask.subtaskIndex === subtaskIndex)
      : snapshot.subtasks;
    return stored.length > 0 && stored.every((subtask) => subtask.isFinished === true);
  });
}

/** An operator's snapshot without what finished subtasks have left, when it is dealt out to another number of subtasks. */
export function withoutFinished(snapshot: OperatorSnapshot, parallelism: number): OperatorSnapshot {
  if (snapshot.parallelism === parallelism) return snapshot;
  if (snapshot.subtasks.every((subtask) => subtask.isFinished === true)) return snapshot;
  return {
    ...snapshot,
    subtasks: snapshot.subtasks.map((subtask) =>
      subtask.isFinished === true ? { ...subtask, keyedFiles: [], operatorStates: [] } : subtask,
    ),
  };
}
