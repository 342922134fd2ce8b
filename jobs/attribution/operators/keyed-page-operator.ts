import type { Counter } from '../../../engine/base/metrics.ts';
import type { Output } from '../../../engine/task/output.ts';
import { INSERT } from '../../../engine/task/row-kind.ts';
import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import { VOID_NAMESPACE } from '../../../state/keyed/key.ts';
import type { ValueState, ValueStateDescriptor } from '../../../state/keyed/state.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import type { PageFate } from '../join/expiry.ts';
import { lateRecord } from '../late-record.ts';
import type { DuplicateRecord, EventKind, LateRecord, SourceName, Unmatched } from '../schemas.ts';
import { DUPLICATES, LATE, UNMATCHED } from './output-tags.ts';

/**
 * What the keyed operators of the job share: one value per key holds all that is known of it, so a record costs one
 * look-up. Records behind the watermark go to `LATE`: the gate lets none through that has a time of receipt, so this
 * catches rows of transports that know none.
 */
export abstract class KeyedPageOperator<PAGE, OUT> extends StreamOperator<OUT> {
  readonly #descriptor: ValueStateDescriptor<PAGE>;
  readonly #emptyPage: () => PAGE;
  protected page: ValueState<PAGE> = undefined as never;
  #unmatched: Output<Unmatched> = undefined as never;
  #duplicates: Output<DuplicateRecord> = undefined as never;
  #late: Output<LateRecord> = undefined as never;
  #unmatchedCount: Counter = undefined as never;
  #duplicateCount: Counter = undefined as never;
  #lateCount: Counter = undefined as never;

  constructor(schema: Schema<PAGE>, emptyPage: () => PAGE) {
    super();
    this.#descriptor = { kind: 'value', name: 'page', schema };
    this.#emptyPage = emptyPage;
  }

  override open(): void {
    this.page = this.keyedState(this.#descriptor as ValueStateDescriptor<unknown>) as unknown as ValueState<PAGE>;
    this.#unmatched = this.context.sideOutput(UNMATCHED);
    this.#duplicates = this.context.sideOutput(DUPLICATES);
    this.#late = this.context.sideOutput(LATE);
    this.#unmatchedCount = this.context.metrics.counter('numUnmatched');
    this.#duplicateCount = this.context.metrics.counter('numDuplicates');
    this.#lateCount = this.context.metrics.counter('numLateRecords');
  }

  override onEventTimeTimer(timestampMs: number): void {
    const page = this.page.value();
    if (page === undefined) return;
    const fate = this.onTimer(page, timestampMs);
    if (fate === 'done') this.page.clear();
    else if (fate === 'changed') this.page.update(page);
  }

  protected abstract onTimer(page: PAGE, timestampMs: number): PageFate;

  protected pageOrEmpty(): PAGE {
    return this.page.value() ?? this.#emptyPage();
  }

  /** Whether the event is behind the watermark; then it has been emitted as late. */
  protected isLate(
    source: SourceName,
    kind: EventKind,
    eventId: string,
    event: Parameters<typeof lateRecord>[3],
  ): boolean {
    if (event.at > this.context.timers.currentWatermarkMs()) return false;
    this.#lateCount.value++;
    this.#late.collect(lateRecord(source, kind, eventId, event), event.at, INSERT);
    return true;
  }

  // The outputs that all joins have.

  unmatched(unmatched: Unmatched): void {
    this.#unmatchedCount.value++;
    this.#unmatched.collect(unmatched, unmatched.at, INSERT);
  }

  duplicate(duplicate: DuplicateRecord): void {
    this.#duplicateCount.value++;
    this.#duplicates.collect(duplicate, duplicate.at, INSERT);
  }

  registerTimer(timestampMs: number): void {
    this.context.timers.registerEventTimeTimer(VOID_NAMESPACE, timestampMs);
  }
}
