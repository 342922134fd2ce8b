import { UserError } from '../../engine/base/errors.ts';
import { DELETE, INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { hasTimestamp, MIN_TIMESTAMP_MS, NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Namespace } from '../../state/keyed/key.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { FunctionContext } from '../process/function-context.ts';
import { type JoinLogic, OperatorJoinContext } from './join-function.ts';
import { OuterJoinSide, type OuterRow, type SideBuffer } from './outer-join-side.ts';
import { firstRowFrom } from './timed-rows.ts';

export type JoinType = 'inner' | 'left' | 'right' | 'full';

/**
 * When a row without partner comes out, padded. `final`: once, when no partner can come any more. `early`: at once, and it
 * is taken back (`-D`) when a partner comes.
 */
export type EmitUnmatched = 'final' | 'early';

export interface OuterIntervalJoinOptions<L, R, OUT> {
  readonly joinType: JoinType;
  /** A right row joins a left one when its time is in `[left + lowerMs, left + upperMs]`. */
  readonly lowerMs: number;
  readonly upperMs: number;
  /** How long behind the watermark rows are still joined. */
  readonly allowedLatenessMs: number;
  /** Expired rows of a key are collected this much later, in one go. */
  readonly cleanupIntervalMs: number;
  /**
   * True: a padded row comes out as soon as it has expired. False is Flink's way: only the first row buffered sets the
   * timer of its key and side, so a row that came after it but is older waits for that one, and may come out late.
   */
  readonly isPrompt: boolean;
  /** How far the watermark that goes on lags behind, so that padded rows are not late. */
  readonly watermarkDelayMs: number;
  readonly emitUnmatched: EmitUnmatched;
  readonly leftSchema: Schema<L>;
  readonly rightSchema: Schema<R>;
  readonly logic: JoinLogic<L | undefined, R | undefined, OUT>;
}

const LEFT: Namespace = 1;
const RIGHT: Namespace = 2;

/**
 * Joins rows of equal keys whose times lie within an interval of each other; rows of an outer side that find no partner
 * come out padded. No row is late: one that comes behind the watermark is joined with what is still there.
 *
 * Stateful: the rows of both sides with whether they have come out, and one timer per key and side.
 * Law: each row of an outer side is in one joined result at least, or in exactly one padded result that is not taken back.
 * Padded rows of a watermark come out before it is forwarded.
 */
export class OuterIntervalJoinOperator<L, R, OUT> extends StreamOperator<OUT> {
  override readonly takesRetractions = false;
  readonly #options: OuterIntervalJoinOptions<L, R, OUT>;
  readonly #logic: JoinLogic<L | undefined, R | undefined, OUT>;
  readonly #isEarly: boolean;
  readonly #left: OuterJoinSide<L>;
  readonly #right: OuterJoinSide<R>;
  #join: OperatorJoinContext<OUT> = undefined as never;

  constructor(options: OuterIntervalJoinOptions<L, R, OUT>) {
    super();
    const { joinType, lowerMs, upperMs, allowedLatenessMs, cleanupIntervalMs, isPrompt, leftSchema, rightSchema } =
      options;
    if (!(lowerMs <= upperMs)) {
      throw new UserError(
        'CONFIGURATION',
        `an interval join needs a lower bound that is not above the upper, found ${lowerMs} and ${upperMs} ms`,
      );
    }
    this.#options = options;
    this.#logic = options.logic;
    this.#isEarly = options.emitUnmatched === 'early';
    this.#left = new OuterJoinSide({
      name: 'left',
      namespace: LEFT,
      schema: leftSchema,
      isOuter: joinType === 'left' || joinType === 'full',
      sizeMs: upperMs,
      allowedLatenessMs,
      cleanupIntervalMs,
      isPrompt,
    });
    this.#right = new OuterJoinSide({
      name: 'right',
      namespace: RIGHT,
      schema: rightSchema,
      isOuter: joinType === 'right' || joinType === 'full',
      sizeMs: -lowerMs,
      allowedLatenessMs,
      cleanupIntervalMs,
      isPrompt,
    });
  }

  override open(): void {
    this.#left.open(this.context);
    this.#right.open(this.context);
    this.#join = new OperatorJoinContext(this.context, this.output);
    this.#logic.open?.(new FunctionContext(this.context));
  }

  override processElement1(value: unknown, timestampMs: number): void {
    this.#requireTimestamp(timestampMs);
    const left = value as L;
    const nowMs = this.#nowMs();
    const buffer = this.#right.load();
    const hasJoined = buffer !== undefined && this.#joinLeft(left, timestampMs, buffer, nowMs);
    const isBuffered = this.#left.add(left, timestampMs, hasJoined, nowMs);
    if (hasJoined || !this.#left.isOuter) return;
    if (this.#isEarly || !isBuffered) this.#emit(left, undefined, timestampMs, NO_TIMESTAMP, INSERT);
  }

  override processElement2(value: unknown, timestampMs: number): void {
    this.#requireTimestamp(timestampMs);
    const right = value as R;
    const nowMs = this.#nowMs();
    const buffer = this.#left.load();
    const hasJoined = buffer !== undefined && this.#joinRight(right, timestampMs, buffer, nowMs);
    const isBuffered = this.#right.add(right, timestampMs, hasJoined, nowMs);
    if (hasJoined || !this.#right.isOuter) return;
    if (this.#isEarly || !isBuffered) this.#emit(undefined, right, NO_TIMESTAMP, timestampMs, INSERT);
  }

  override onEventTimeTimer(timestampMs: number, namespace: Namespace): void {
    const nowMs = this.#nowMs();
    if (namespace === LEFT) {
      for (const row of this.#left.onTimer(timestampMs, nowMs)) this.#emitExpiredLeft(row);
    } else {
      for (const row of this.#right.onTimer(timestampMs, nowMs)) this.#emitExpiredRight(row);
    }
  }

  override outputWatermark(inputWatermarkMs: number): number {
    return Math.max(MIN_TIMESTAMP_MS, inputWatermarkMs - this.#options.watermarkDelayMs);
  }

  override close(): void {
    this.#logic.close?.();
  }

  /** Joins a left row with the right ones that are there. Returns whether there were any. */
  #joinLeft(left: L, leftMs: number, buffer: SideBuffer<R>, nowMs: number): boolean {
    const { rows } = buffer;
    const untilMs = leftMs + this.#options.upperMs;
    const firstIndex = firstRowFrom(rows, leftMs + this.#options.lowerMs);
    let i = firstIndex;
    let hasMarked = false;
    for (; i < rows.length && rows[i]!.timestampMs <= untilMs; i++) {
      const row = rows[i]!;
      if (this.#right.isOuter && !row.isEmitted) {
        if (this.#isEarly) this.#emit(undefined, row.value, NO_TIMESTAMP, row.timestampMs, DELETE);
        row.isEmitted = true;
        hasMarked = true;
      }
      this.#emit(left, row.value, leftMs, row.timestampMs, INSERT);
    }
    const expired = this.#right.takeExpired(buffer, nowMs);
    if (hasMarked || expired.length > 0) this.#right.store(buffer);
    for (const row of expired) this.#emitExpiredRight(row);
    return i > firstIndex;
  }

  #joinRight(right: R, rightMs: number, buffer: SideBuffer<L>, nowMs: number): boolean {
    const { rows } = buffer;
    const untilMs = rightMs - this.#options.lowerMs;
    const firstIndex = firstRowFrom(rows, rightMs - this.#options.upperMs);
    let i = firstIndex;
    let hasMarked = false;
    for (; i < rows.length && rows[i]!.timestampMs <= untilMs; i++) {
      const row = rows[i]!;
      if (this.#left.isOuter && !row.isEmitted) {
        if (this.#isEarly) this.#emit(row.value, undefined, row.timestampMs, NO_TIMESTAMP, DELETE);
        row.isEmitted = true;
        hasMarked = true;
      }
      this.#emit(row.value, right, row.timestampMs, rightMs, INSERT);
    }
    const expired = this.#left.takeExpired(buffer, nowMs);
    if (hasMarked || expired.length > 0) this.#left.store(buffer);
    for (const row of expired) this.#emitExpiredLeft(row);
    return i > firstIndex;
  }

  #emitExpiredLeft(row: OuterRow<L>): void {
    if (this.#isEarly || row.isEmitted || !this.#left.isOuter) return;
    this.#emit(row.value, undefined, row.timestampMs, NO_TIMESTAMP, INSERT);
  }

  #emitExpiredRight(row: OuterRow<R>): void {
    if (this.#isEarly || row.isEmitted || !this.#right.isOuter) return;
    this.#emit(undefined, row.value, NO_TIMESTAMP, row.timestampMs, INSERT);
  }

  #emit(left: L | undefined, right: R | undefined, leftMs: number, rightMs: number, kind: RowKind): void {
    this.#join.enter(leftMs, rightMs, kind);
    this.#logic.processElement(left, right, this.#join, this.#join);
  }

  /** The operator's time: the watermark, from 0 on. */
  #nowMs(): number {
    return Math.max(this.context.timers.currentWatermarkMs(), 0);
  }

  #requireTimestamp(timestampMs: number): void {
    if (hasTimestamp(timestampMs)) return;
    throw new UserError(
      'JOB_DEFINITION',
      `a record without timestamp came to the interval join '${this.context.operatorName}'`,
      {
        hint: 'Give both sources a WatermarkStrategy with withTimestamp(...).',
      },
    );
  }
}
