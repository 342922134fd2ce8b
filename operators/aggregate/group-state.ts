import { UserError } from '../../engine/base/errors.ts';
import { isRetraction, type RowKind } from '../../engine/task/row-kind.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { long } from '../../state/schema/scalars.ts';
import { type TtlOptions, valueState } from '../process/state-spec.ts';
import type { GroupAggregateFunction } from './group-aggregate-function.ts';
import type { PartialGroup } from './partial-group.ts';

export interface GroupStateOptions<ACC> {
  /** What the accumulator is called in checkpoints. Default `accumulator`. */
  readonly name?: string | undefined;
  /**
   * Whether an accumulator without rows stands for nothing, where parts of it come on ways of their own: until then it is
   * kept, though there is no group. Default: always.
   */
  readonly isEmpty?: ((accumulator: ACC) => boolean) | undefined;
  /** What the function keeps besides the accumulator. */
  readonly open?: ((context: OperatorContext) => void) | undefined;
  /** The group of the current key is gone. */
  readonly clear?: (() => void) | undefined;
}

/**
 * What is kept of the current key: the accumulator, and where rows can be taken back how many it stands for. A group
 * without rows is gone. What is taken back from a group that is not there (its state has expired) is dropped.
 */
export class GroupState<IN, ACC, OUT> {
  readonly #aggregate: GroupAggregateFunction<IN, ACC, OUT>;
  readonly #ttl: TtlOptions | undefined;
  readonly #options: GroupStateOptions<ACC>;
  readonly #isEmpty: ((accumulator: ACC) => boolean) | undefined;
  #operatorName = '';
  #accumulator: ValueState<ACC> = undefined as never;
  /** Undefined: rows are only added. */
  #rows: ValueState<number> | undefined;

  constructor(
    aggregate: GroupAggregateFunction<IN, ACC, OUT>,
    ttl: TtlOptions | undefined,
    options: GroupStateOptions<ACC> = {},
  ) {
    this.#aggregate = aggregate;
    this.#ttl = ttl;
    this.#options = options;
    this.#isEmpty = options.isEmpty;
  }

  open(context: OperatorContext): void {
    const { keyedState, operatorName } = context;
    this.#options.open?.(context);
    const options = { ttl: this.#ttl };
    this.#operatorName = operatorName;
    this.#accumulator = keyedState.state(
      valueState(this.#aggregate.accumulatorSchema, options).toDescriptor(this.#options.name ?? 'accumulator'),
    );
    if (this.#aggregate.retract !== undefined)
      this.#rows = keyedState.state(valueState(long(), options).toDescriptor('rows'));
  }

  /** The accumulator; undefined when the group has no rows. */
  get(): ACC | undefined {
    const accumulator = this.#accumulator.value();
    if (this.#isEmpty === undefined || accumulator === undefined || this.#rows === undefined) return accumulator;
    return this.#rowsOf(accumulator) > 0 ? accumulator : undefined;
  }

  /**
   * Takes a row in, or out.
   *
   * @param before what `get` gave.
   * @returns the accumulator after it; undefined when the group has no rows.
   */
  apply(before: ACC | undefined, value: IN, kind: RowKind): ACC | undefined {
    const aggregate = this.#aggregate;
    const rows = this.#rows;
    if (rows === undefined || !isRetraction(kind)) {
      const after = aggregate.add(before === undefined ? aggregate.createAccumulator() : before, value);
      if (rows !== undefined) rows.update(this.#rowsOf(before) + 1);
      this.#accumulator.update(after);
      return after;
    }
    if (before === undefined) return undefined;
    const left = this.#rowsOf(before) - 1;
    if (left <= 0) return this.#clear();
    const after = aggregate.retract!(before, value);
    rows.update(left);
    this.#accumulator.update(after);
    return after;
  }

  /** The same for what a local phase has made of many rows. The partial is not needed by others. */
  merge(before: ACC | undefined, partial: PartialGroup<ACC>): ACC | undefined {
    const rows = this.#rows;
    const isEmpty = this.#isEmpty;
    const held = before === undefined && isEmpty !== undefined ? this.#accumulator.value() : before;
    const left = rows === undefined ? 1 : this.#rowsOf(held) + partial.rows;
    if (left <= 0 && isEmpty === undefined) return held === undefined ? undefined : this.#clear();
    const aggregate = this.#aggregate;
    const after = aggregate.merge!(held === undefined ? aggregate.createAccumulator() : held, partial.accumulator);
    if (left <= 0 && isEmpty!(after)) return this.#clear();
    rows?.update(left);
    this.#accumulator.update(after);
    return left > 0 ? after : undefined;
  }

  #clear(): undefined {
    this.#accumulator.clear();
    this.#rows!.clear();
    this.#options.clear?.();
    return undefined;
  }

  #rowsOf(accumulator: ACC | undefined): number {
    if (accumulator === undefined) return 0;
    const rows = this.#rows!.value();
    if (rows !== undefined) return rows;
    throw new UserError(
      'STATE_INCOMPATIBLE',
      `'${this.#operatorName}' restored a group that was kept without the number of its rows, which retract(...) needs`,
      {
        hint: 'Give the aggregate a new uid, so that it begins empty, or take retract(...) out of its function again.',
      },
    );
  }
}
