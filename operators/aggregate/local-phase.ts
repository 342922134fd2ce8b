import { assert } from '../../engine/base/assert.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { DataStream } from '../data-stream.ts';
import type { OperatorOptions } from '../stream-graph-builder.ts';

/**
 * Puts an operator in front of the shuffle by key: in each subtask of every stream that goes into it, chained to what
 * comes before.
 *
 * @param stream partitioned by key.
 * @param create the operator of one subtask; keeps no state.
 */
export function localPhase<T, P>(
  stream: DataStream<T>,
  { uid, name = uid }: OperatorOptions,
  create: (keySelector: (value: T) => Key) => StreamOperator<P>,
): DataStream<P> {
  const locals = stream.parts().map((part) => {
    const { partitioning, nodeId } = part.ports[0]!;
    assert(partitioning.kind === 'hash', () => `expected a stream by key, found ${partitioning.kind}`);
    const keySelector = partitioning.keySelector as (value: T) => Key;
    return part.partition({ kind: 'forward' }).transform({
      kind: 'local-phase',
      options: { name: `${name} (local)`, parallelism: stream.graph.parallelismOf(nodeId) },
      isStateful: false,
      factory: () => create(keySelector),
    });
  });
  return locals[0]!.union(...locals.slice(1));
}
