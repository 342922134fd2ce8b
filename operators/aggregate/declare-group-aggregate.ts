import { UserError } from '../../engine/base/errors.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { DataStream } from '../data-stream.ts';
import { miniBatchSettings } from '../updating/mini-batch.ts';
import type { GroupAggregateFunction } from './group-aggregate-function.ts';
import { GroupAggregateOperator } from './group-aggregate-operator.ts';
import type { GroupAggregateOptions } from './group-aggregate-options.ts';
import type { GroupResultFunction } from './group-changes.ts';
import { LocalAggregateOperator } from './local-aggregate-operator.ts';
import { localPhase } from './local-phase.ts';
import { MiniBatchAggregateOperator } from './mini-batch-aggregate-operator.ts';
import { keyOfPartial } from './partial-group.ts';

/**
 * Adds the operators of an aggregation to the graph.
 *
 * @param stream partitioned by key.
 * @throws UserError JOB_DEFINITION for what the options need and the function has not.
 */
export function declareGroupAggregate<T, ACC, R, OUT>(
  stream: DataStream<T>,
  aggregate: GroupAggregateFunction<T, ACC, R>,
  createRow: GroupResultFunction<Key, R, OUT> | undefined,
  options: GroupAggregateOptions,
): DataStream<OUT> {
  checkGroupAggregate(aggregate as GroupAggregateFunction<never, unknown, unknown>, options);
  const { miniBatch, ttl, emit, twoPhase = false } = options;
  const settings = { aggregate, createRow, ttl, isUpsert: emit === 'upsert' };
  const declaration = { kind: 'aggregate', options, isStateful: true };
  if (miniBatch === undefined) {
    const factory = (): StreamOperator<OUT> => new GroupAggregateOperator(settings);
    return stream.transform({ ...declaration, factory });
  }
  const batch = miniBatchSettings(options.uid, miniBatch);
  const factory = (): StreamOperator<OUT> =>
    new MiniBatchAggregateOperator({ ...settings, batch, takesPartials: twoPhase });
  if (!twoPhase) return stream.transform({ ...declaration, factory });
  const partials = localPhase(stream, options, (keySelector) => {
    return new LocalAggregateOperator({ aggregate, keySelector, batch });
  });
  return partials.keyBy(keyOfPartial).stream.transform({ ...declaration, factory });
}

function checkGroupAggregate(
  aggregate: GroupAggregateFunction<never, unknown, unknown>,
  { uid, twoPhase, miniBatch }: Partial<GroupAggregateOptions> = {},
): void {
  if (aggregate?.accumulatorSchema === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' has no schema for its accumulator`, {
      hint: 'Give the aggregate function an accumulatorSchema: it is how the accumulator is stored.',
    });
  }
  if (twoPhase !== true) return;
  if (miniBatch === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' has two phases but no mini-batch`, {
      hint: "Pass { miniBatch: { latency: '1s' } }: the first phase folds the rows of a batch.",
    });
  }
  if (aggregate.merge === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' has two phases, but its function has no merge`, {
      hint: 'Give the function a merge(a, b), which makes one accumulator of two, or leave out twoPhase.',
    });
  }
}
