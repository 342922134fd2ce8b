import { UserError } from '../../engine/base/errors.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { DataStream } from '../data-stream.ts';
import { type MiniBatchSettings, miniBatchSettings } from '../updating/mini-batch.ts';
import type { TtlOptions } from '../process/state-spec.ts';
import type { ColumnsAggregate } from './aggregates.ts';
import type { Columns, ColumnsAccumulator } from './compile-aggregates.ts';
import type { GroupAggregateFunction } from './group-aggregate-function.ts';
import { GroupAggregateOperator } from './group-aggregate-operator.ts';
import type { GroupAggregateOptions } from './group-aggregate-options.ts';
import type { GroupResultFunction } from './group-changes.ts';
import type { GroupStateOptions } from './group-state.ts';
import { KeyedColumns } from './keyed-columns.ts';
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
  const takesRetractions = checkGroupAggregate(aggregate as AnyFunction, options);
  const { miniBatch, ttl, emit, twoPhase = false, splitDistinct = false } = options;
  const batch = miniBatch === undefined ? undefined : miniBatchSettings(options.uid, miniBatch);
  if (splitDistinct) return declareSplitDistinct(stream, aggregate, createRow, options, batch!, takesRetractions);
  const { columns } = aggregate as Partial<ColumnsAggregate<T, R>>;
  const rows = takesRetractions ? aggregate : insertOnly(aggregate);
  const factory = (): StreamOperator<OUT> => {
    const settings = { createRow, ttl, isUpsert: emit === 'upsert', ...keptBy(rows, columns, takesRetractions, ttl) };
    if (batch === undefined) return new GroupAggregateOperator(settings);
    return new MiniBatchAggregateOperator({ ...settings, batch, takesPartials: twoPhase });
  };
  const declaration = { kind: 'aggregate', options, isStateful: true, factory };
  if (!twoPhase) return stream.transform(declaration);
  const partials = localPhase(stream, options, (keySelector) => {
    return new LocalAggregateOperator({ aggregate: rows, keySelector, batch: batch! });
  });
  return partials.keyBy(keyOfPartial).stream.transform(declaration);
}

/** A function of columns keeps different values in states of their own, all others have but an accumulator. */
function keptBy<T, ACC, R>(
  aggregate: GroupAggregateFunction<T, ACC, R>,
  columns: Columns | undefined,
  takesRetractions: boolean,
  ttl: TtlOptions | undefined,
): { aggregate: GroupAggregateFunction<T, ACC, R>; state?: GroupStateOptions<ACC> } {
  if (columns === undefined || !Object.values(columns).some(({ kind }) => kind === 'countDistinct'))
    return { aggregate };
  const keyed = new KeyedColumns(columns, takesRetractions, ttl);
  return {
    aggregate: keyed.aggregate as unknown as GroupAggregateFunction<T, ACC, R>,
    state: { open: (context) => keyed.open(context), clear: () => keyed.clear() },
  };
}

/** The same function, for rows that are never taken back. */
function insertOnly<T, ACC, R>(aggregate: GroupAggregateFunction<T, ACC, R>): GroupAggregateFunction<T, ACC, R> {
  if (aggregate.retract === undefined) return aggregate;
  return {
    accumulatorSchema: aggregate.accumulatorSchema,
    createAccumulator: () => aggregate.createAccumulator(),
    add: (accumulator, value) => aggregate.add(accumulator, value),
    getResult: (accumulator) => aggregate.getResult(accumulator),
    ...(aggregate.merge !== undefined && { merge: (a: ACC, b: ACC) => aggregate.merge!(a, b) }),
  };
}

/** Values go to where each one's state is, all else straight to the group. */
function declareSplitDistinct<T, ACC, R, OUT>(
  stream: DataStream<T>,
  aggregate: GroupAggregateFunction<T, ACC, R>,
  createRow: GroupResultFunction<Key, R, OUT> | undefined,
  options: GroupAggregateOptions,
  batch: MiniBatchSettings,
  takesRetractions: boolean,
): DataStream<OUT> {
  const { uid, name = uid, ttl, emit } = options;
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
    state: {
      name: 'split-accumulator',
      isEmpty: (accumulator: ColumnsAccumulator) => compiled.hasNoValues(accumulator),
    },
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

type AnyFunction = GroupAggregateFunction<never, unknown, unknown>;

/** @returns whether rows may be taken back. */
function checkGroupAggregate(
  aggregate: AnyFunction,
  { uid, input, twoPhase, splitDistinct, miniBatch }: Partial<GroupAggregateOptions> = {},
): boolean {
  if (aggregate?.accumulatorSchema === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' has no schema for its accumulator`, {
      hint: 'Give the aggregate function an accumulatorSchema: it is how the accumulator is stored.',
    });
  }
  const { columns } = aggregate as Partial<ColumnsAggregate<never, unknown>>;
  if (splitDistinct === true && columns === undefined) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' has splitDistinct, but a function of its own`, {
      hint: 'Make the function with aggregates({ ... }), or leave out splitDistinct.',
    });
  }
  const hasRetract = aggregate.retract !== undefined;
  if (input === 'changelog' && !hasRetract) {
    throw new UserError('JOB_DEFINITION', `aggregate '${uid}' is to take rows back, but its function has no retract`, {
      hint: 'Give the function a retract(accumulator, row). Of aggregates(...) all columns but min and max have one.',
    });
  }
  const takesRetractions = input === undefined ? hasRetract && columns === undefined : input === 'changelog';
  if (twoPhase !== true && splitDistinct !== true) return takesRetractions;
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
  return takesRetractions;
}
