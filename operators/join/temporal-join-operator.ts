import { UserError } from '../../engine/base/errors.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import { isRetraction, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { hasTimestamp, NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import { VOID_NAMESPACE } from '../../state/keyed/key.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { array } from '../../state/schema/collections.ts';
import { record } from '../../state/schema/record.ts';
import { int, long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { FunctionContext } from '../process/function-context.ts';
import { LateRecords } from '../window/late-records.ts';
import { type JoinLogic, OperatorJoinContext } from './join-function.ts';
import { firstRowAfter, insertRow, type TimedRow } from './timed-rows.ts';
import {
  nextObsoleteMs,
  obsoleteVersionCount,
  putVersion,
  type Version,
  versionAt,
  versionsSchema,
} from './versions.ts';

export type TemporalJoinType = 'inner' | 'left';

export interface TemporalJoinOperatorOptions<L, R, OUT> {
  readonly joinType: TemporalJoinType;
  readonly leftSchema: Schema<L>;
  readonly rightSchema: Schema<R>;
  /** A version for which it does not hold counts as none. Default: every version joins. */
  readonly condition?: ((left: L, right: R) => boolean) | undefined;
  readonly logic: JoinLogic<L, R | undefined, OUT>;
  readonly leftLateTag: OutputTag<L> | undefined;
}

interface WaitingRow<T> extends TimedRow<T> {
  /** Tells which of two rows of a key came first. */
  readonly number: number;
  readonly kind: RowKind;
}

interface WaitingRows<T> {
  nextNumber: number;
  /** Sorted by time. */
  readonly rows: WaitingRow<T>[];
}

/**
 * Joins every left row with the version of the right side that was valid at the left row's time: the newest with a time
 * not after it. The right side is a changelog per key: `+I` and `+U` are versions, `-U` and `-D` say that there is none
 * from then on, a later row of the same time replaces.
 *
 * Stateful: left rows until the watermark reaches their times, the versions that one may still ask for, and one timer per
 * key. A left row with a time not after the watermark is late; a version never is.
 * Law: a left row that is not late is answered once, when the watermark reaches it, from all versions that came before. The
 * result has its time and row kind; rows of a key that one watermark releases keep their order of arrival.
 */
export class TemporalJoinOperator<L, R, OUT> extends StreamOperator<OUT> {
  readonly #options: TemporalJoinOperatorOptions<L, R, OUT>;
  readonly #isLeft: boolean;
  readonly #condition: ((left: L, right: R) => boolean) | undefined;
  readonly #logic: JoinLogic<L, R | undefined, OUT>;
  readonly #late: LateRecords<L>;
  #waiting: ValueState<WaitingRows<L>> = undefined as never;
  #versions: ValueState<Version<R>[]> = undefined as never;
  #join: OperatorJoinContext<OUT> = undefined as never;

  constructor(options: TemporalJoinOperatorOptions<L, R, OUT>) {
    super();
    this.#options = options;
    this.#isLeft = options.joinType === 'left';
    this.#condition = options.condition;
    this.#logic = options.logic;
    this.#late = new LateRecords(options.leftLateTag);
  }

  override open(): void {
    const { keyedState } = this.context;
    const { leftSchema, rightSchema } = this.#options;
    const row = record('tidemark.WaitingRow', { timestampMs: long(), number: long(), kind: int(), value: leftSchema });
    const rows = record('tidemark.WaitingRows', { nextNumber: long(), rows: array(row) });
    this.#waiting = keyedState.state({
      kind: 'value',
      name: 'waiting-rows',
      schema: rows as unknown as Schema<WaitingRows<L>>,
    });
    this.#versions = keyedState.state({ kind: 'value', name: 'versions', schema: versionsSchema(rightSchema) });
    this.#late.open(this.context);
    this.#join = new OperatorJoinContext(this.context, this.output);
    this.#logic.open?.(new FunctionContext(this.context));
  }

  override processElement1(value: unknown, timestampMs: number, kind: RowKind): void {
    this.#requireTimestamp(timestampMs);
    if (timestampMs <= this.context.timers.currentWatermarkMs()) {
      this.#late.collect(value as L, timestampMs, kind);
      return;
    }
    const waiting = this.#waiting.value();
    if (waiting === undefined) {
      this.#bringForward(Infinity, timestampMs);
      this.#waiting.update({ nextNumber: 1, rows: [{ timestampMs, number: 0, kind, value: value as L }] });
      return;
    }
    const { rows } = waiting;
    this.#bringForward(rows[0]!.timestampMs, timestampMs);
    insertRow(rows, { timestampMs, number: waiting.nextNumber++, kind, value: value as L });
    this.#waiting.update(waiting);
  }

  override processElement2(value: unknown, timestampMs: number, kind: RowKind): void {
    this.#requireTimestamp(timestampMs);
    const versions = this.#versions.value() ?? [];
    const earliestMs = this.#waiting.value()?.rows[0]!.timestampMs ?? Infinity;
    const beforeMs = Math.min(earliestMs, nextObsoleteMs(versions));
    putVersion(versions, { timestampMs, value: isRetraction(kind) ? undefined : (value as R) });
    versions.splice(0, obsoleteVersionCount(versions, this.context.timers.currentWatermarkMs()));
    this.#versions.update(versions);
    this.#moveTimer(beforeMs, Math.min(earliestMs, nextObsoleteMs(versions)));
  }

  override onEventTimeTimer(): void {
    const watermarkMs = this.context.timers.currentWatermarkMs();
    const versions = this.#versions.value();
    const earliestMs = this.#release(versions, watermarkMs);
    let obsoleteMs = Infinity;
    if (versions !== undefined) {
      const count = obsoleteVersionCount(versions, watermarkMs);
      if (count > 0) {
        versions.splice(0, count);
        this.#versions.update(versions);
      }
      obsoleteMs = nextObsoleteMs(versions);
    }
    this.#moveTimer(Infinity, Math.min(earliestMs, obsoleteMs));
  }

  override close(): void {
    this.#logic.close?.();
  }

  /** Answers the rows whose time has come. Returns the earliest time of those that go on waiting, Infinity without any. */
  #release(versions: readonly Version<R>[] | undefined, watermarkMs: number): number {
    const waiting = this.#waiting.value();
    if (waiting === undefined) return Infinity;
    const { rows } = waiting;
    const count = firstRowAfter(rows, watermarkMs);
    if (count === 0) return rows[0]!.timestampMs;
    const isLast = count === rows.length;
    const due = isLast ? rows : rows.splice(0, count);
    this.#waiting.update(isLast ? undefined : waiting);
    if (!isInOrder(due)) due.sort((a, b) => a.number - b.number);
    for (let i = 0; i < count; i++) this.#answer(due[i]!, versions);
    return isLast ? Infinity : rows[0]!.timestampMs;
  }

  #answer({ value, timestampMs, kind }: WaitingRow<L>, versions: readonly Version<R>[] | undefined): void {
    const version = versions === undefined ? undefined : versionAt(versions, timestampMs);
    const hasVersion =
      version !== undefined && (this.#condition === undefined || this.#condition(value, version.value!));
    if (!hasVersion && !this.#isLeft) return;
    this.#join.enter(timestampMs, hasVersion ? version.timestampMs : NO_TIMESTAMP, kind);
    this.#logic.processElement(value, hasVersion ? version.value : undefined, this.#join, this.#join);
  }

  /** The key's timer is needed at `timestampMs`; the earliest row that waits so far is of `earliestMs`. */
  #bringForward(earliestMs: number, timestampMs: number): void {
    if (timestampMs >= earliestMs) return;
    const versions = this.#versions.value();
    const beforeMs = Math.min(earliestMs, versions === undefined ? Infinity : nextObsoleteMs(versions));
    if (timestampMs < beforeMs) this.#moveTimer(beforeMs, timestampMs);
  }

  #moveTimer(fromMs: number, toMs: number): void {
    if (fromMs === toMs) return;
    const { timers } = this.context;
    if (fromMs !== Infinity) timers.deleteEventTimeTimer(VOID_NAMESPACE, fromMs);
    if (toMs !== Infinity) timers.registerEventTimeTimer(VOID_NAMESPACE, toMs);
  }

  #requireTimestamp(timestampMs: number): void {
    if (hasTimestamp(timestampMs)) return;
    throw new UserError(
      'JOB_DEFINITION',
      `a record without timestamp came to the temporal join '${this.context.operatorName}'`,
      { hint: 'Give both sources a WatermarkStrategy with withTimestamp(...), or join inProcessingTime().' },
    );
  }
}

/** Whether rows sorted by time are in order of arrival too. */
function isInOrder(rows: readonly WaitingRow<unknown>[]): boolean {
  for (let i = 1; i < rows.length; i++) if (rows[i - 1]!.number > rows[i]!.number) return false;
  return true;
}
