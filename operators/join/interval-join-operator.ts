import { UserError } from '../../engine/base/errors.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { hasTimestamp } from '../../engine/time/timestamps.ts';
import { VOID_NAMESPACE } from '../../state/keyed/key.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { array } from '../../state/schema/collections.ts';
import { record } from '../../state/schema/record.ts';
import { long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { FunctionContext } from '../process/function-context.ts';
import { LateRecords } from '../window/late-records.ts';
import { type JoinLogic, OperatorJoinContext } from './join-function.ts';
import { firstRowAfter, firstRowFrom, insertRow, type TimedRow } from './timed-rows.ts';

export interface IntervalJoinOptions<L, R, OUT> {
  /** A right row joins a left one when its time is in `[left + lowerMs, left + upperMs]`. */
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly leftSchema: Schema<L>;
  readonly rightSchema: Schema<R>;
  readonly logic: JoinLogic<L, R, OUT>;
  readonly leftLateTag: OutputTag<L> | undefined;
  readonly rightLateTag: OutputTag<R> | undefined;
}

/**
 * Joins rows of equal keys whose times lie within an interval of each other; inner.
 *
 * Stateful: the rows of both sides, sorted by time, until no row that is not late can join them. A row with a time below
 * the watermark is late. A key has a timer for its earliest row only; firing it drops all that have expired and sets the
 * next one.
 * Law: every pair in the interval of which neither row was late comes out once, with the later time.
 */
export class IntervalJoinOperator<L, R, OUT> extends StreamOperator<OUT> {
  override readonly takesRetractions = false;
  readonly #options: IntervalJoinOptions<L, R, OUT>;
  readonly #lowerMs: number;
  readonly #upperMs: number;
  /** How long after its own time a row of a side may find a partner. */
  readonly #leftRetentionMs: number;
  readonly #rightRetentionMs: number;
  readonly #logic: JoinLogic<L, R, OUT>;
  readonly #leftLate: LateRecords<L>;
  readonly #rightLate: LateRecords<R>;
  #left: ValueState<TimedRow<L>[]> = undefined as never;
  #right: ValueState<TimedRow<R>[]> = undefined as never;
  #join: OperatorJoinContext<OUT> = undefined as never;

  constructor(options: IntervalJoinOptions<L, R, OUT>) {
    super();
    const { lowerMs, upperMs } = options;
    if (!(lowerMs <= upperMs)) {
      throw new UserError(
        'CONFIGURATION',
        `an interval join needs a lower bound that is not above the upper, found ${lowerMs} and ${upperMs} ms`,
      );
    }
    this.#options = options;
    this.#lowerMs = lowerMs;
    this.#upperMs = upperMs;
    this.#leftRetentionMs = Math.max(0, upperMs);
    this.#rightRetentionMs = Math.max(0, -lowerMs);
    this.#logic = options.logic;
    this.#leftLate = new LateRecords(options.leftLateTag);
    this.#rightLate = new LateRecords(options.rightLateTag);
  }

  override open(): void {
    const { keyedState } = this.context;
    const { leftSchema, rightSchema } = this.#options;
    this.#left = keyedState.state({
      kind: 'value',
      name: 'left-rows',
      schema: rowsSchema('tidemark.LeftRow', leftSchema),
    });
    this.#right = keyedState.state({
      kind: 'value',
      name: 'right-rows',
      schema: rowsSchema('tidemark.RightRow', rightSchema),
    });
    this.#leftLate.open(this.context);
    this.#rightLate.open(this.context);
    this.#join = new OperatorJoinContext(this.context, this.output);
    this.#logic.open?.(new FunctionContext(this.context));
  }

  override processElement1(value: unknown, timestampMs: number, kind: RowKind): void {
    if (this.#isLate(timestampMs)) {
      this.#leftLate.collect(value as L, timestampMs, kind);
      return;
    }
    const left = this.#left.value();
    const right = this.#right.value();
    this.#registerCleanup(timestampMs + this.#leftRetentionMs, left, right);
    this.#add(this.#left, left, value as L, timestampMs);
    if (right === undefined) return;
    const untilMs = timestampMs + this.#upperMs;
    for (
      let i = firstRowFrom(right, timestampMs + this.#lowerMs);
      i < right.length && right[i]!.timestampMs <= untilMs;
      i++
    ) {
      const row = right[i]!;
      this.#join.enter(timestampMs, row.timestampMs, INSERT);
      this.#logic.processElement(value as L, row.value, this.#join, this.#join);
    }
  }

  override processElement2(value: unknown, timestampMs: number, kind: RowKind): void {
    if (this.#isLate(timestampMs)) {
      this.#rightLate.collect(value as R, timestampMs, kind);
      return;
    }
    const left = this.#left.value();
    const right = this.#right.value();
    this.#registerCleanup(timestampMs + this.#rightRetentionMs, left, right);
    this.#add(this.#right, right, value as R, timestampMs);
    if (left === undefined) return;
    const untilMs = timestampMs - this.#lowerMs;
    for (
      let i = firstRowFrom(left, timestampMs - this.#upperMs);
      i < left.length && left[i]!.timestampMs <= untilMs;
      i++
    ) {
      const row = left[i]!;
      this.#join.enter(row.timestampMs, timestampMs, INSERT);
      this.#logic.processElement(row.value, value as R, this.#join, this.#join);
    }
  }

  override onEventTimeTimer(): void {
    const watermarkMs = this.context.timers.currentWatermarkMs();
    const left = dropExpired(this.#left, watermarkMs - this.#leftRetentionMs);
    const right = dropExpired(this.#right, watermarkMs - this.#rightRetentionMs);
    const nextMs = this.#earliestCleanupMs(left, right);
    if (nextMs !== Infinity) this.context.timers.registerEventTimeTimer(VOID_NAMESPACE, nextMs);
  }

  override close(): void {
    this.#logic.close?.();
  }

  /** Times of the rows still buffered for the current key, ascending. */
  bufferedTimestamps(): { readonly left: readonly number[]; readonly right: readonly number[] } {
    const timesOf = (rows: readonly TimedRow<unknown>[] | undefined): number[] =>
      (rows ?? []).map((row) => row.timestampMs);
    return { left: timesOf(this.#left.value()), right: timesOf(this.#right.value()) };
  }

  /** A record with the time of the watermark is not late: it was not promised to be there. */
  #isLate(timestampMs: number): boolean {
    if (hasTimestamp(timestampMs)) return timestampMs < this.context.timers.currentWatermarkMs();
    throw new UserError(
      'JOB_DEFINITION',
      `a record without timestamp came to the interval join '${this.context.operatorName}'`,
      {
        hint: 'Give both sources a WatermarkStrategy with withTimestamp(...).',
      },
    );
  }

  #add<T>(state: ValueState<TimedRow<T>[]>, rows: TimedRow<T>[] | undefined, value: T, timestampMs: number): void {
    const row = { timestampMs, value };
    if (rows === undefined) {
      state.update([row]);
    } else {
      insertRow(rows, row);
      state.update(rows);
    }
  }

  /** One timer per key, for the row that expires first. */
  #registerCleanup(
    cleanupMs: number,
    left: readonly TimedRow<L>[] | undefined,
    right: readonly TimedRow<R>[] | undefined,
  ): void {
    if (cleanupMs >= this.#earliestCleanupMs(left, right)) return;
    this.context.timers.registerEventTimeTimer(VOID_NAMESPACE, cleanupMs);
  }

  #earliestCleanupMs(left: readonly TimedRow<L>[] | undefined, right: readonly TimedRow<R>[] | undefined): number {
    const leftMs = left === undefined ? Infinity : left[0]!.timestampMs + this.#leftRetentionMs;
    const rightMs = right === undefined ? Infinity : right[0]!.timestampMs + this.#rightRetentionMs;
    return leftMs < rightMs ? leftMs : rightMs;
  }
}

/** Drops rows with a time <= `untilMs`. Returns the rest; undefined when nothing is left. */
function dropExpired<T>(state: ValueState<TimedRow<T>[]>, untilMs: number): readonly TimedRow<T>[] | undefined {
  const rows = state.value();
  if (rows === undefined || rows[0]!.timestampMs > untilMs) return rows;
  const count = firstRowAfter(rows, untilMs);
  if (count === rows.length) {
    state.clear();
    return undefined;
  }
  rows.splice(0, count);
  state.update(rows);
  return rows;
}

function rowsSchema<T>(name: string, schema: Schema<T>): Schema<TimedRow<T>[]> {
  return array(record(name, { timestampMs: long(), value: schema })) as unknown as Schema<TimedRow<T>[]>;
}
