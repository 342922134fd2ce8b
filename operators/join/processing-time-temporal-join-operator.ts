import { isRetraction, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { hasTimestamp, NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { optional } from '../../state/schema/optional.ts';
import { record } from '../../state/schema/record.ts';
import { long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { FunctionContext } from '../process/function-context.ts';
import { type JoinLogic, OperatorJoinContext } from './join-function.ts';
import type { TemporalJoinType } from './temporal-join-operator.ts';

export interface ProcessingTimeTemporalJoinOptions<L, R, OUT> {
  readonly joinType: TemporalJoinType;
  readonly rightSchema: Schema<R>;
  readonly condition?: ((left: L, right: R) => boolean) | undefined;
  readonly logic: JoinLogic<L, R | undefined, OUT>;
}

interface LatestRow<T> {
  readonly timestampMs?: number | undefined;
  readonly value: T;
}

/**
 * Joins every left row, at once, with the right row of its key that came last. What comes out depends on which side came
 * first, so a replay may give other results.
 *
 * Stateful: one right row per key; `-U` and `-D` remove it.
 */
export class ProcessingTimeTemporalJoinOperator<L, R, OUT> extends StreamOperator<OUT> {
  readonly #options: ProcessingTimeTemporalJoinOptions<L, R, OUT>;
  readonly #logic: JoinLogic<L, R | undefined, OUT>;
  #latest: ValueState<LatestRow<R>> = undefined as never;
  #join: OperatorJoinContext<OUT> = undefined as never;

  constructor(options: ProcessingTimeTemporalJoinOptions<L, R, OUT>) {
    super();
    this.#options = options;
    this.#logic = options.logic;
  }

  override open(): void {
    const row = record('tidemark.LatestRow', { timestampMs: optional(long()), value: this.#options.rightSchema });
    this.#latest = this.context.keyedState.state({
      kind: 'value',
      name: 'latest-row',
      schema: row as unknown as Schema<LatestRow<R>>,
    });
    this.#join = new OperatorJoinContext(this.context, this.output);
    this.#logic.open?.(new FunctionContext(this.context));
  }

  override processElement1(value: unknown, timestampMs: number, kind: RowKind): void {
    const { condition, joinType } = this.#options;
    const left = value as L;
    const latest = this.#latest.value();
    const isJoined = latest !== undefined && (condition === undefined || condition(left, latest.value));
    if (!isJoined && joinType === 'inner') return;
    this.#join.enter(timestampMs, isJoined ? (latest.timestampMs ?? NO_TIMESTAMP) : NO_TIMESTAMP, kind);
    this.#join.timestamp = timestampMs;
    this.#logic.processElement(left, isJoined ? latest.value : undefined, this.#join, this.#join);
  }

  override processElement2(value: unknown, timestampMs: number, kind: RowKind): void {
    if (isRetraction(kind)) this.#latest.clear();
    else this.#latest.update({ timestampMs: hasTimestamp(timestampMs) ? timestampMs : undefined, value: value as R });
  }

  override close(): void {
    this.#logic.close?.();
  }
}
