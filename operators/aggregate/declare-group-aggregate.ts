import { UserError } from '../../engine/base/errors.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { DataStream } from '../data-stream.ts';
import { type MiniBatchSettings, miniBatchSettings } from '../updating/mini-batch.ts';
import type { ColumnsAggregate } from './aggregates.ts';
import type { GroupAggregateFunction } from './group-aggregate-function.ts';
import { GroupAggregateOperator } from './group-aggregate-operator.ts';
import type { GroupAggregateOptions } from './group-aggregate-options.ts';
import type { GroupResultFunction } from './group-changes.ts';
import { LocalAggregateOperator } from './local-aggregate-operator.ts';
import { LocalSplitOperator } from './local-split-operator.ts';
import { localPhase } from './local-phase.ts';
import { MiniBatchAggregateOperator } from './mini-batch-aggregate-operator.ts';
import { keyOfPartial } from './partial-group.ts';
import { SeenValuesOperator } from './seen-values-operator.ts';
import { SEEN_VALUES, splitAggregate } from './split-distinct.ts';

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
  if (isSplit(options)) return declareSplitDistinct(stream, aggregate, createRow, options, batch);
  const factory = (): StreamOperator<OUT> =>
    new MiniBatchAggregateOperator({ ...settings, batch, takesPartials: twoPhase });
  if (!twoPhase) return stream.transform({ ...declaration, factory });
  const partials = localPhase(stream, options, (keySelector) => {
    return new LocalAggregateOperator({ aggregate, keySelector, batch });
  });
  return partials.keyBy(keyOfPartial).stream.transform({ ...declaration, factory });
}

function isSplit({ splitDistinct = false }: Pick<GroupAggregateOptions, 'splitDistinct'>): boolean {
  return splitDistinct !== false;
}

/** Values go to where each one's state is, all else straight to the group. */
function declareSplitDistinct<T, ACC, R, OUT>(
  stream: DataStream<T>,
  aggregate: GroupAggregateFunction<T, ACC, R>,
  createRow: GroupResultFunction<Key, R, OUT> | undefined,
  options: GroupAggregateOptions,
  batch: MiniBatchSettings,
): DataStream<OUT> {
  const { uid, name = uid, ttl, emit } = options;
  const takesRetractions = options.splitDistinct === 'changes';
  const { columns } = aggregate as unknown as ColumnsAggregate<T, R>;
  const { compiled, global } = splitAggregate(columns, takesRetractions);
  const local = localPhase(stream, options, (keySelector) => {
    return new LocalSplitOperator({ compiled, keySelector, batch, takesRetractions });
  });
  const [first, ...others] = local.parts().map((part) => part.getSideOutput(SEEN_VALUES));
  const counts = first!
    .union(...others)
    .keyBy(keyOfPartial)
    .stream.transform({
      kind: 'seen-values',
      options: { ...options, uid: `${uid}-values`, name: `${name} (values)` },
      isStateful: true,
      factory: () => new SeenValuesOperator({ compiled, batch, ttl, takesRetractions }),
    });
  const settings = {
    aggregate: global,
    batch,
    ttl,
    isUpsert: emit === 'upsert',
    takesPartials: true,
    stateName: 'split-accumulator',
  };
  const rowOf = createRow as GroupResultFunction<Key, unknown, OUT> | undefined;
  return local
    .union(counts)
    .keyBy(keyOfPartial)
    .stream.transform({
      kind: 'aggregate',
      options,
      isStateful: true,
      factory: () => new MiniBatchAggregateOperator({ ...settings, createRow: rowOf }),
    });
}

function checkGroupAggregate(
  aggregate: GroupAggregateFunction<never, unknown, unknown>,
  { uid, twoPhase, splitDistinct, miniBatch }: Partial<GroupAggregateOptions> = {},
): void {
  if (aggregate?.accumulatorSchema === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' has no schema for its accumulator`, {
      hint: 'Give the aggregate function an accumulatorSchema: it is how the accumulator is stored.',
    });
  }
  if (isSplit({ splitDistinct }) && (aggregate as Partial<ColumnsAggregate<never, unknown>>).columns === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' has splitDistinct, but a function of its own`, {
      hint: 'Make the function with aggregates({ ... }), or leave out splitDistinct.',
    });
  }
  if (splitDistinct === 'changes' && aggregate.retract === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' is to take rows back, but has a min or max column`, {
      hint: 'Leave those columns out, or write splitDistinct: true when rows are only added.',
    });
  }
  if (twoPhase !== true && !isSplit({ splitDistinct })) return;
  if (miniBatch === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' has two phases, but no mini-batch`, {
      hint: "Pass { miniBatch: { latency: '1s' } }: the first phase folds the rows of a batch.",
    });
  }
  if (aggregate.merge === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' has two phases, but its function has no merge`, {
      hint: 'Give the function a merge(a, b), which makes one accumulator of two, or leave out twoPhase.',
    });
  }
}
