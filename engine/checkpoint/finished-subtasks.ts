import type { JobGraph, JobVertex } from '../graph/job-graph.ts';
import { uidOf } from '../graph/node-uid.ts';
import type { CheckpointManifest, OperatorSnapshot } from './manifest.ts';

/**
 * Finds the vertices whose tasks must not end a second time, because an operator may emit at its end what is still in its
 * state: those that had finished in the checkpoint, as everything before them had. Pure.
 *
 * A vertex whose inputs have all finished in a checkpoint has finished in it too, with all its subtasks: nobody is left to
 * send it a barrier. So only sources, and what is behind them one to one, can be found half finished. Sources count as a whole, because splits that come back may
 * go to any subtask; one without end never has finished: the next start reads on.
 */
export function findFinishedVertices(manifest: CheckpointManifest | undefined, graph: JobGraph): ReadonlySet<number> {
  const finished = new Set<number>();
  if (manifest === undefined || manifest.isFinal) return finished;
  for (const vertex of graph.vertices) {
    const haveInputsFinished = graph.edges.every(
      ({ targetVertexId, sourceVertexId }) => targetVertexId !== vertex.vertexId || finished.has(sourceVertexId),
    );
    if (haveInputsFinished && hadFinished(manifest, vertex)) finished.add(vertex.vertexId);
  }
  return finished;
}

function hadFinished(manifest: CheckpointManifest, { head, nodes }: JobVertex): boolean {
  if (head.kind === 'source' && head.source.boundedness === 'unbounded') return false;
  return nodes.every((node) => {
    const subtasks = manifest.operators[uidOf(node)]?.subtasks ?? [];
    return subtasks.length > 0 && subtasks.every(({ isFinished }) => isFinished === true);
  });
}

/**
 * The snapshot of an operator that goes on, without the list state of subtasks that had finished while others had not: what
 * was in it has been emitted at their end, and is neither for them again nor for others.
 */
export function withoutFinishedSubtasks(snapshot: OperatorSnapshot): OperatorSnapshot {
  const { subtasks } = snapshot;
  if (!subtasks.some(({ isFinished }) => isFinished) || subtasks.every(({ isFinished }) => isFinished)) return snapshot;
  return {
    ...snapshot,
    subtasks: subtasks.map((subtask) => ({
      ...subtask,
      operatorStates: subtask.operatorStates.filter(({ mode }) => mode !== 'list' || subtask.isFinished !== true),
    })),
  };
}
