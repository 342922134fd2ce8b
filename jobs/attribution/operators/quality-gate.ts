import type { Counter } from '../../../engine/base/metrics.ts';
import type { Output } from '../../../engine/task/output.ts';
import { INSERT } from '../../../engine/task/row-kind.ts';
import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import { lateRecord } from '../late-record.ts';
import { isLate, receivedAtOf } from '../parse/check-time.ts';
import { RowError } from '../parse/row-error.ts';
import type { RawRecord } from '../raw-record.ts';
import type { AttributionRules } from '../rules.ts';
import type { EventKind, LateRecord, Quarantined, SourceName } from '../schemas.ts';
import { LATE, QUARANTINED } from './output-tags.ts';

/**
 * Turns raw rows into canonical events with their own time, and sorts out what cannot be processed: refused rows go to
 * `QUARANTINED` with their bytes, rows that came too late to `LATE`.
 *
 * Stateless. Law: every row leaves through exactly one output; which one depends on the row and its time of receipt only.
 */
export abstract class QualityGate<OUT> extends StreamOperator<OUT> {
  protected readonly rules: AttributionRules;
  readonly #source: SourceName;
  #quarantined: Output<Quarantined> = undefined as never;
  #late: Output<LateRecord> = undefined as never;
  #quarantinedCount: Counter = undefined as never;
  #lateCount: Counter = undefined as never;

  constructor(source: SourceName, rules: AttributionRules) {
    super();
    this.#source = source;
    this.rules = rules;
  }

  override open(): void {
    this.#quarantined = this.context.sideOutput(QUARANTINED);
    this.#late = this.context.sideOutput(LATE);
    this.#quarantinedCount = this.context.metrics.counter('numQuarantined');
    this.#lateCount = this.context.metrics.counter('numLateRecords');
  }

  override processElement(value: unknown, timestampMs: number): void {
    const raw = value as RawRecord;
    try {
      this.accept(raw);
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      this.#quarantinedCount.value++;
      this.#quarantined.collect(
        {
          source: this.#source,
          sourcePartition: raw.partition,
          sourceOffset: raw.offset,
          receivedAt: receivedAtOf(raw),
          errorCode: error.errorCode,
          errorDetail: error.message,
          payload: raw.bytes,
        },
        timestampMs,
        INSERT,
      );
    }
  }

  /** Parses one row and emits it. @throws RowError when it is refused. */
  protected abstract accept(raw: RawRecord): void;

  /** Whether the event is too late; then it has been emitted as such. */
  protected isLate(kind: EventKind, eventId: string, event: Parameters<typeof lateRecord>[3]): boolean {
    if (!isLate(event.at, event.receivedAt, this.rules)) return false;
    this.#lateCount.value++;
    this.#late.collect(lateRecord(this.#source, kind, eventId, event), event.at, INSERT);
    return true;
  }
}
