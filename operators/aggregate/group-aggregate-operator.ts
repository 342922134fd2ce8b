import { UserError } from '../../engine/base/errors.ts';
import { isRetraction, type RowKind, rowKindName } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { TtlOptions } from '../process/state-spec.ts';
import type { GroupAggregateFunction } from './group-aggregate-function.ts';
import { GroupChanges, type GroupResultFunction, NO_RESULT } from './group-changes.ts';
import { GroupState, type GroupStateOptions } from './group-state.ts';
import { detachedResult } from './results-equal.ts';

export interface GroupAggregateOperatorOptions<IN, ACC, R, OUT> {
  readonly aggregate: GroupAggregateFunction<IN, ACC, R>;
  readonly createRow: GroupResultFunction<Key, R, OUT> | undefined;
  readonly isUpsert: boolean;
  readonly ttl: TtlOptions | undefined;
  readonly state?: GroupStateOptions<ACC> | undefined;
}

/**
 * Aggregates all rows of a key and emits the changes of the result, after every row.
 *
 * Stateful: one accumulator per key, and a number of rows where rows can be taken back.
 * Law: folding the changes gives, for every key with rows, the result of its rows.
 */
export class GroupAggregateOperator<IN, ACC, R, OUT> extends StreamOperator<OUT> {
  override readonly takesRetractions: boolean;
  readonly #aggregate: GroupAggregateFunction<IN, ACC, R>;
  readonly #group: GroupState<IN, ACC, R>;
  readonly #changes: GroupChanges<R, OUT>;

  constructor({ aggregate, createRow, isUpsert, ttl, state }: GroupAggregateOperatorOptions<IN, ACC, R, OUT>) {
    super();
    this.takesRetractions = aggregate.retract !== undefined;
    this.#aggregate = aggregate;
    this.#group = new GroupState(aggregate, ttl, state);
    this.#changes = new GroupChanges({ createRow, isUpsert, emitsUnchanged: ttl !== undefined });
  }

  override open(): void {
    this.#changes.output = this.output;
    this.#group.open(this.context);
  }

  override checkRowKind(kind: RowKind): void {
    if (!this.takesRetractions) refuseRetraction(this.context.operatorName, kind);
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const group = this.#group;
    const before = group.get();
    const old = resultOf(this.#aggregate, before);
    const after = group.apply(before, value as IN, kind);
    this.#changes.emit(this.currentKey(), old, resultOf(this.#aggregate, after), timestampMs);
  }
}

/** The result of a group, which stays as it is. */
export function resultOf<ACC, R>(
  aggregate: GroupAggregateFunction<never, ACC, R>,
  accumulator: ACC | undefined,
): R | typeof NO_RESULT {
  if (accumulator === undefined) return NO_RESULT;
  return detachedResult(aggregate.getResult(accumulator), accumulator) as R;
}

const HINT =
  "Write input: 'changelog'. A function of your own needs retract(accumulator, row); of aggregates(...) all columns but min and max have one.";

/** @throws UserError JOB_DEFINITION for a row that takes another back. */
export function refuseRetraction(operatorName: string, kind: RowKind, hint: string = HINT): void {
  if (!isRetraction(kind)) return;
  throw new UserError(
    'JOB_DEFINITION',
    `aggregate '${operatorName}' takes insertions only, found a row of kind ${rowKindName(kind)}`,
    { hint },
  );
}
