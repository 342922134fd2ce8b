import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createExecutionPlan } from '../../../engine/graph/execution-plan.ts';
import { createJobGraph } from '../../../engine/graph/job-graph.ts';
import { arbitraryStreamGraph } from './arbitrary-stream-graph.ts';

const arbitraryPlan = fc
  .tuple(arbitraryStreamGraph, fc.integer({ min: 1, max: 4 }), fc.constantFrom(4, 7, 128, 32_768))
  .map(([stream, parallelism, maxParallelism]) => {
    const graph = createJobGraph(stream, { parallelism, maxParallelism });
    return { graph, plan: createExecutionPlan(graph) };
  });

test('the subtasks of a vertex share all key groups out among them, in order', () => {
  fc.assert(
    fc.property(arbitraryPlan, ({ graph, plan }) => {
      expect(plan.subtasks.map((subtask) => subtask.taskId)).toEqual([...plan.subtasks.keys()]);
      for (const vertex of graph.vertices) {
        const subtasks = plan.subtasks.filter((subtask) => subtask.vertexId === vertex.vertexId);
        expect(subtasks.map((subtask) => subtask.subtaskIndex)).toEqual([...new Array(vertex.parallelism).keys()]);
        let nextKeyGroup = 0;
        for (const { keyGroupStart, keyGroupEnd } of subtasks) {
          expect(keyGroupStart).toBe(nextKeyGroup);
          expect(keyGroupEnd).toBeGreaterThan(keyGroupStart);
          nextKeyGroup = keyGroupEnd;
        }
        expect(nextKeyGroup).toBe(graph.maxParallelism);
      }
    }),
    { numRuns: 200 },
  );
});

test('an edge joins each subtask with its twin when it is forward, with its share when it rescales, with all otherwise', () => {
  fc.assert(
    fc.property(arbitraryPlan, ({ graph, plan }) => {
      expect(plan.channels.map((channel) => channel.channelId)).toEqual([...plan.channels.keys()]);
      for (const edge of graph.edges) {
        const sources = graph.vertices[edge.sourceVertexId]!.parallelism;
        const targets = graph.vertices[edge.targetVertexId]!.parallelism;
        const isPairwise = edge.partitioning.kind === 'forward' && sources === targets;
        const found = plan.channels
          .filter((channel) => channel.edgeId === edge.edgeId)
          .map((channel) => {
            const source = plan.subtasks[channel.sourceTaskId]!;
            const target = plan.subtasks[channel.targetTaskId]!;
            expect([source.vertexId, target.vertexId]).toEqual([edge.sourceVertexId, edge.targetVertexId]);
            expect(channel.inputIndex).toBe(edge.inputIndex);
            return `${source.subtaskIndex}-${target.subtaskIndex}`;
          });
        const expected = Array.from({ length: sources }, (_, i) =>
          Array.from({ length: targets }, (_unused, j) => [i, j]),
        )
          .flat()
          .filter(([i, j]) => !isPairwise || i === j)
          .filter(([i, j]) => edge.partitioning.kind !== 'rescale' || isShare(i!, j!, sources, targets))
          .map(([i, j]) => `${i}-${j}`);
        // The order matters: outputs number their channels by target subtask.
        expect(found).toEqual(expected);
      }
    }),
    { numRuns: 200 },
  );
});

/** Flink's ranges: of 2 sources and 6 targets, source 0 has targets [0, 3); of 6 and 2, target 0 has sources [0, 3). */
function isShare(i: number, j: number, sources: number, targets: number): boolean {
  if (sources > targets) return i >= Math.ceil((j * sources) / targets) && i < Math.ceil(((j + 1) * sources) / targets);
  return j >= Math.ceil((i * targets) / sources) && j < Math.ceil(((i + 1) * targets) / sources);
}
