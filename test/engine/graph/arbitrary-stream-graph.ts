import fc from 'fast-check';
import type { Partitioning, StreamEdge, StreamGraph, StreamNode } from '../../../engine/graph/stream-graph.ts';
import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import { WatermarkStrategy } from '../../../engine/time/watermark-strategy.ts';
import { collectionSource } from '../../../operators/source/collection/collection-source.ts';
import { collectSink } from '../../../operators/sink/collect/collect-sink.ts';

class NoOperator extends StreamOperator<unknown> {}

const PARTITIONINGS: readonly Partitioning[] = [
  { kind: 'forward' },
  { kind: 'rebalance' },
  { kind: 'broadcast' },
  { kind: 'global' },
  { kind: 'hash', keySelector: () => '' },
  { kind: 'rescale' },
  { kind: 'shuffle' },
  { kind: 'custom', subtaskOf: () => 0 },
];

/** Acyclic graphs of up to 12 nodes: sources first, then operators of one or two inputs and sinks, fed by earlier nodes. */
export const arbitraryStreamGraph: fc.Arbitrary<StreamGraph> = fc
  .record({
    sourceCount: fc.integer({ min: 1, max: 3 }),
    later: fc.array(
      fc.record({
        kind: fc.constantFrom('operator', 'operator', 'operator', 'sink'),
        inputCount: fc.constantFrom(1, 1, 1, 2),
        /** Per input: which earlier nodes feed it, modulo their number. */
        inputs: fc.array(fc.array(fc.tuple(fc.nat(1000), fc.nat(12)), { minLength: 1, maxLength: 2 }), {
          minLength: 2,
          maxLength: 2,
        }),
        isStateful: fc.boolean(),
        parallelism: fc.constantFrom(undefined, undefined, undefined, 1, 2, 3),
      }),
      { maxLength: 9 },
    ),
  })
  .map(({ sourceCount, later }) => {
    const nodes: StreamNode[] = [];
    const edges: StreamEdge[] = [];
    for (let nodeId = 0; nodeId < sourceCount; nodeId++) {
      nodes.push(sourceNode(nodeId));
    }
    for (const plan of later) {
      const nodeId = nodes.length;
      const feeders = nodes.filter((node) => node.kind !== 'sink');
      const base = { nodeId, name: `node ${nodeId}`, uid: `uid-${nodeId}`, parallelism: plan.parallelism };
      const inputCount = plan.kind === 'sink' ? 1 : plan.inputCount;
      if (plan.kind === 'sink') nodes.push({ ...base, kind: 'sink', sink: collectSink() });
      else {
        const { isStateful } = plan;
        nodes.push({ ...base, kind: 'operator', factory: () => new NoOperator(), inputCount, isStateful });
      }
      for (let inputIndex = 0; inputIndex < inputCount; inputIndex++) {
        for (const [feeder, partitioning] of plan.inputs[inputIndex]!) {
          edges.push({
            sourceNodeId: feeders[feeder % feeders.length]!.nodeId,
            targetNodeId: nodeId,
            inputIndex,
            // Forward is what most edges are.
            partitioning: PARTITIONINGS[Math.max(0, partitioning - 5)]!,
            sideOutputTag: undefined,
          });
        }
      }
    }
    return { nodes, edges };
  });

export function sourceNode(nodeId: number): StreamNode {
  return {
    nodeId,
    name: `node ${nodeId}`,
    uid: `uid-${nodeId}`,
    parallelism: undefined,
    kind: 'source',
    source: collectionSource<unknown>([]),
    watermarkStrategy: WatermarkStrategy.noWatermarks(),
  };
}
