import { keyGroupRange } from '../../state/keyed/key-group.ts';
import type { JobGraph } from './job-graph.ts';
import type { Partitioning } from './stream-graph.ts';

/** The job graph with parallelism unrolled: which subtasks run, and which channels join them. */
export interface ExecutionPlan {
  readonly subtasks: readonly PlannedSubtask[];
  readonly channels: readonly PlannedChannel[];
}

export interface PlannedSubtask {
  /** Index in `ExecutionPlan.subtasks`. */
  readonly taskId: number;
  readonly vertexId: number;
  readonly subtaskIndex: number;
  /** Half-open range of key groups that are this subtask's. */
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
}

export interface PlannedChannel {
  /** Index in `ExecutionPlan.channels`. */
  readonly channelId: number;
  readonly edgeId: number;
  readonly sourceTaskId: number;
  readonly targetTaskId: number;
  /** Input of the target's head that the channel feeds. */
  readonly inputIndex: number;
}

/** Unrolls a job graph. Pure. A forward edge between different parallelisms becomes round robin. */
export function createExecutionPlan(graph: JobGraph): ExecutionPlan {
  const subtasks: PlannedSubtask[] = [];
  const tasksOfVertex: number[][] = [];
  for (const vertex of graph.vertices) {
    const taskIds: number[] = [];
    for (let subtaskIndex = 0; subtaskIndex < vertex.parallelism; subtaskIndex++) {
      const range = keyGroupRange(subtaskIndex, vertex.parallelism, graph.maxParallelism);
      taskIds.push(subtasks.length);
      subtasks.push({
        taskId: subtasks.length,
        vertexId: vertex.vertexId,
        subtaskIndex,
        keyGroupStart: range.start,
        keyGroupEnd: range.end,
      });
    }
    tasksOfVertex.push(taskIds);
  }
  const channels: PlannedChannel[] = [];
  for (const edge of graph.edges) {
    const sources = tasksOfVertex[edge.sourceVertexId]!;
    const targets = tasksOfVertex[edge.targetVertexId]!;
    const areJoined = joinedSubtasks(edge.partitioning.kind, sources.length, targets.length);
    for (const [i, sourceTaskId] of sources.entries()) {
      for (const [j, targetTaskId] of targets.entries()) {
        if (!areJoined(i, j)) continue;
        channels.push({
          channelId: channels.length,
          edgeId: edge.edgeId,
          sourceTaskId,
          targetTaskId,
          inputIndex: edge.inputIndex,
        });
      }
    }
  }
  return { subtasks, channels };
}

/** Whether subtask i of the source sends to subtask j of the target. */
function joinedSubtasks(
  kind: Partitioning['kind'],
  sourceCount: number,
  targetCount: number,
): (i: number, j: number) => boolean {
  if (kind === 'forward' && sourceCount === targetCount) return (i, j) => i === j;
  if (kind !== 'rescale') return () => true;
  // Each of the side with more subtasks belongs to one of the other.
  return sourceCount <= targetCount
    ? (i, j) => Math.floor((j * sourceCount) / targetCount) === i
    : (i, j) => Math.floor((i * targetCount) / sourceCount) === j;
}
