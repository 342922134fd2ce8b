import { assert } from '../../engine/base/assert.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { OperatorListState } from '../../engine/task/operator-state.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { MAX_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import type { Key, Namespace } from '../../state/keyed/key.ts';
import type { NamespacedState, ValueState } from '../../state/keyed/state.ts';
import { long } from '../../state/schema/scalars.ts';
import { TimestampedCollector } from '../process/collector.ts';
import { FunctionContext } from '../process/function-context.ts';
import type { AggregateFunction } from '../process/state-spec.ts';
import type { FixedEventTimeWindows } from './fixed-windows.ts';
import { LateRecords } from './late-records.ts';
import { requireTimestamp, type WindowAssignerContext } from './window-assigner.ts';
import { OperatorAssignerContext, OperatorWindowContext } from './window-contexts.ts';
import type { WindowLogic } from './window-function.ts';
import { keepWindowLayout } from './window-layout.ts';
import { TimeWindow, windowStartMs } from './window.ts';

export interface SlicedWindowOptions<T, ACC, R, OUT> {
  readonly assigner: FixedEventTimeWindows;
  readonly aggregate: AggregateFunction<T, ACC, R>;
  /** Undefined: the aggregate's result is emitted as it is. */
  readonly logic: WindowLogic<Key, R, OUT, TimeWindow> | undefined;
  readonly allowedLatenessMs: number;
  readonly lateTag: OutputTag<T> | undefined;
  /** Takes late records instead of `lateTag`. */
  readonly late?: LateRecords<T> | undefined;
}

/**
 * Tumbling and sliding event-time windows with an aggregate and the default trigger: what `WindowOperator` does, with one
 * state access per record, however many windows it belongs to.
 *
 * Time is cut into slices that no window boundary divides; a record goes into the accumulator of its slice, and a window
 * that fires merges its slices in order of time. A key has one timer for the earliest window it has records for; firing it
 * sets the next one.
 *
 * Stateful: one accumulator per key and slice, kept until the end of the slice's last window plus the allowed lateness.
 * Law: a result carries the last timestamp of its window.
 */
export class SlicedWindowOperator<T, ACC, R, OUT> extends StreamOperator<OUT> {
  override readonly takesRetractions = false;
  readonly #assigner: FixedEventTimeWindows;
  readonly #aggregate: AggregateFunction<T, ACC, R>;
  readonly #logic: WindowLogic<Key, R, OUT, TimeWindow> | undefined;
  readonly #latenessMs: number;
  readonly #sizeMs: number;
  readonly #slideMs: number;
  readonly #sliceMs: number;
  readonly #late: LateRecords<T>;
  readonly #collector = new TimestampedCollector<OUT>();
  #assignerContext: WindowAssignerContext = undefined as never;
  #slices: ValueState<ACC> & NamespacedState = undefined as never;
  #functionContext: OperatorWindowContext<TimeWindow> = undefined as never;
  #watermarks: OperatorListState<number> = undefined as never;
  #offsetMs = Number.NaN;
  /** The slice of the latest record: [start, end); the first and the last window that hold it; when that one is gone. */
  #currentMs = Number.NaN;
  #currentEndMs = Number.NaN;
  #currentFirstMs = Number.NaN;
  #currentLastMs = Number.NaN;
  #currentLateMs = Number.NaN;
  /** What had fired and been cleared before a restore, after which watermarks start anew; or before one fell. */
  #restoredWatermarkMs = -Infinity;
  #lastWatermarkMs = -Infinity;

  constructor(options: SlicedWindowOptions<T, ACC, R, OUT>) {
    super();
    const { assigner } = options;
    assert(
      assigner.slideMs <= assigner.sizeMs,
      () => `expected a slide of at most ${assigner.sizeMs} ms, found ${assigner.slideMs}`,
    );
    this.#assigner = assigner;
    this.#aggregate = options.aggregate;
    this.#logic = options.logic;
    this.#latenessMs = options.allowedLatenessMs;
    this.#sizeMs = assigner.sizeMs;
    this.#slideMs = assigner.slideMs;
    this.#sliceMs = greatestCommonDivisor(assigner.sizeMs, assigner.slideMs);
    this.#late = options.late ?? new LateRecords(options.lateTag);
  }

  override open(): void {
    this.#collector.output = this.output;
    this.#assignerContext = new OperatorAssignerContext(this.context);
    this.#late.open(this.context);
    keepWindowLayout(
      this.context,
      `event-time windows of ${this.#sizeMs} ms every ${this.#slideMs} ms, kept in slices`,
    );
    this.#slices = this.context.keyedState.state({
      kind: 'value',
      name: 'window-slices',
      schema: this.#aggregate.accumulatorSchema,
      isNamespaced: true,
    });
    this.#watermarks = this.context.operatorState.unionListState({ name: 'window-watermark', schema: long() });
    this.#restoredWatermarkMs = Math.max(-Infinity, ...this.#watermarks.get());
    this.#functionContext = new OperatorWindowContext(this.context, undefined, this.#logic?.globalState);
    this.#logic?.open?.(new FunctionContext(this.context));
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    requireTimestamp(timestampMs);
    if (Number.isNaN(this.#offsetMs)) this.#offsetMs = this.#assigner.offsetMs(this.#assignerContext);
    const watermarkMs = this.context.timers.currentWatermarkMs();
    // Most records lie in the slice of the one before them.
    if (!(timestampMs >= this.#currentMs && timestampMs < this.#currentEndMs)) this.#enterSliceOf(timestampMs);
    if (this.#currentLateMs <= watermarkMs) {
      this.#late.collect(value as T, timestampMs, kind);
      return;
    }
    const sliceMs = this.#currentMs;
    const lastMs = this.#currentLastMs;
    let firstMs = this.#currentFirstMs;
    if (this.#endOf(firstMs) <= this.#restoredWatermarkMs) {
      firstMs = this.#reopen(value as T, firstMs, lastMs, watermarkMs);
      if (firstMs > lastMs) return;
    }
    const isNew = this.#add(sliceMs, value as T);
    if (isNew) this.#onNewSlice(firstMs, lastMs, Math.max(watermarkMs, this.#restoredWatermarkMs));
    if (this.#endOf(firstMs) <= watermarkMs) this.#fireLate(firstMs, lastMs, watermarkMs);
  }

  override onEventTimeTimer(timestampMs: number, namespace: Namespace): void {
    if (typeof namespace === 'string') {
      this.#onReopenedTimer(timestampMs, namespace);
      return;
    }
    const windowMs = namespace;
    if (timestampMs === this.#endOf(windowMs)) this.#onWindowEnd(windowMs);
    else this.#clearSlicesOf(windowMs);
  }

  override processWatermark(watermarkMs: number): void {
    if (watermarkMs < this.#lastWatermarkMs)
      this.#restoredWatermarkMs = Math.max(this.#restoredWatermarkMs, this.#lastWatermarkMs);
    this.#lastWatermarkMs = watermarkMs;
  }

  override snapshotState(): void {
    // What an earlier attempt had cleared stays cleared, also when this one has not come as far.
    this.#watermarks.update([Math.max(this.context.timers.currentWatermarkMs(), this.#restoredWatermarkMs)]);
  }

  override close(): void {
    this.#logic?.close?.();
  }

  /** @returns whether the slice (or reopened window) is new. */
  #add(namespace: Namespace, value: T): boolean {
    const slices = this.#slices;
    const aggregate = this.#aggregate;
    slices.setNamespace(namespace);
    const accumulator = slices.value();
    slices.update(aggregate.add(accumulator === undefined ? aggregate.createAccumulator() : accumulator, value));
    return accumulator === undefined;
  }

  #enterSliceOf(timestampMs: number): void {
    const lastMs = windowStartMs(timestampMs, this.#offsetMs, this.#slideMs);
    const sliceMs =
      this.#sliceMs === this.#slideMs ? lastMs : windowStartMs(timestampMs, this.#offsetMs, this.#sliceMs);
    this.#currentMs = sliceMs;
    this.#currentEndMs = sliceMs + this.#sliceMs;
    this.#currentFirstMs = this.#firstWindowMs(sliceMs, lastMs);
    this.#currentLastMs = lastMs;
    this.#currentLateMs = Math.min(this.#endOf(lastMs) + this.#latenessMs, MAX_TIMESTAMP_MS);
  }

  /** The first window that holds a slice. */
  #firstWindowMs(sliceMs: number, lastMs: number): number {
    const slideMs = this.#slideMs;
    if (slideMs === this.#sizeMs) return lastMs;
    return lastMs - Math.floor((lastMs - (sliceMs + this.#sliceMs - this.#sizeMs)) / slideMs) * slideMs;
  }

  /** Sets the timer of the earliest window of a new slice that has not ended. */
  #onNewSlice(firstMs: number, lastMs: number, watermarkMs: number): void {
    for (let windowMs = firstMs; windowMs <= lastMs; windowMs += this.#slideMs) {
      const endMs = this.#endOf(windowMs);
      if (endMs <= watermarkMs) continue;
      this.context.timers.registerEventTimeTimer(windowMs, endMs);
      return;
    }
    this.#registerCleanup(lastMs);
  }

  /** A record behind the end of windows that are still kept: they fire again at once, the latest first. */
  #fireLate(firstMs: number, lastMs: number, watermarkMs: number): void {
    for (let windowMs = lastMs; windowMs >= firstMs; windowMs -= this.#slideMs) {
      const endMs = this.#endOf(windowMs);
      if (endMs <= watermarkMs && endMs + this.#latenessMs > watermarkMs) this.#fire(windowMs);
    }
  }

  #onWindowEnd(windowMs: number): void {
    this.#fire(windowMs);
    if (this.#latenessMs === 0) this.#clearSlicesOf(windowMs);
    else if (this.#hasSlices(windowMs, windowMs + this.#slideMs)) this.#registerCleanup(windowMs);
    const nextMs = windowMs + this.#slideMs;
    // One that had ended before a restore fires again only for a record that came after it.
    if (this.#endOf(nextMs) <= this.#restoredWatermarkMs) return;
    if (this.#slideMs === this.#sizeMs || !this.#hasSlices(nextMs, windowMs + this.#sizeMs)) return;
    this.context.timers.registerEventTimeTimer(nextMs, this.#endOf(nextMs));
  }

  /**
   * After a restore, for a record of windows that had ended before it: watermarks start anew, so it is not late, and they
   * fire once more. Those whose slices may be gone are kept one by one, under `r` and their start.
   *
   * @returns the first window that is still kept in slices.
   */
  #reopen(value: T, firstMs: number, lastMs: number, watermarkMs: number): number {
    let windowMs = firstMs;
    for (; windowMs <= lastMs && this.#endOf(windowMs) <= this.#restoredWatermarkMs; windowMs += this.#slideMs) {
      const endMs = this.#endOf(windowMs);
      const isCleared = this.#sliceMs !== this.#sizeMs && endMs + this.#latenessMs <= this.#restoredWatermarkMs;
      if (isCleared) {
        firstMs = windowMs + this.#slideMs;
        this.#addReopened(value, windowMs, watermarkMs);
      } else if (endMs > watermarkMs) {
        this.context.timers.registerEventTimeTimer(windowMs, endMs);
      }
    }
    return firstMs;
  }

  #addReopened(value: T, windowMs: number, watermarkMs: number): void {
    const endMs = this.#endOf(windowMs);
    if (endMs + this.#latenessMs <= watermarkMs) return;
    const namespace = `r${windowMs}`;
    this.#add(namespace, value);
    if (endMs <= watermarkMs) this.#emit(windowMs, this.#slices.value()!);
    else this.context.timers.registerEventTimeTimer(namespace, endMs);
    this.context.timers.registerEventTimeTimer(namespace, endMs + this.#latenessMs);
  }

  #onReopenedTimer(timestampMs: number, namespace: string): void {
    const windowMs = Number(namespace.slice(1));
    const endMs = this.#endOf(windowMs);
    this.#slices.setNamespace(namespace);
    const accumulator = this.#slices.value();
    if (accumulator !== undefined && timestampMs === endMs) this.#emit(windowMs, accumulator);
    if (timestampMs !== endMs + this.#latenessMs) return;
    this.#slices.setNamespace(namespace);
    this.#slices.clear();
  }

  #fire(windowMs: number): void {
    const accumulator = this.#accumulatorOf(windowMs);
    if (accumulator !== undefined) this.#emit(windowMs, accumulator);
  }

  #emit(windowMs: number, accumulator: ACC): void {
    const result = this.#aggregate.getResult(accumulator);
    this.#collector.timestampMs = this.#endOf(windowMs);
    if (this.#logic === undefined) {
      this.#collector.collect(result as unknown as OUT);
      return;
    }
    this.#functionContext.enter(new TimeWindow(windowMs, windowMs + this.#sizeMs), windowMs);
    this.#logic.process(this.currentKey(), this.#functionContext, [result], this.#collector);
  }

  /** All slices of a window merged; undefined when it has none. */
  #accumulatorOf(windowMs: number): ACC | undefined {
    const slices = this.#slices;
    if (this.#sliceMs === this.#sizeMs) {
      slices.setNamespace(windowMs);
      return slices.value();
    }
    let merged: ACC | undefined;
    for (let sliceMs = windowMs; sliceMs < windowMs + this.#sizeMs; sliceMs += this.#sliceMs) {
      slices.setNamespace(sliceMs);
      const accumulator = slices.value();
      // Into a fresh one: merging may change its first argument, and slices are needed again.
      if (accumulator !== undefined)
        merged = this.#aggregate.merge(merged ?? this.#aggregate.createAccumulator(), accumulator);
    }
    return merged;
  }

  #hasSlices(fromMs: number, toMs: number): boolean {
    for (let sliceMs = fromMs; sliceMs < toMs; sliceMs += this.#sliceMs) {
      this.#slices.setNamespace(sliceMs);
      if (this.#slices.value() !== undefined) return true;
    }
    return false;
  }

  /** Drops the slices that no window after this one holds. */
  #clearSlicesOf(windowMs: number): void {
    for (let sliceMs = windowMs; sliceMs < windowMs + this.#slideMs; sliceMs += this.#sliceMs) {
      this.#slices.setNamespace(sliceMs);
      this.#slices.clear();
    }
  }

  /** The last timestamp of a window; one that reaches beyond the largest timestamp ends there. */
  #endOf(windowMs: number): number {
    const endMs = windowMs + this.#sizeMs - 1;
    return endMs > MAX_TIMESTAMP_MS ? MAX_TIMESTAMP_MS : endMs;
  }

  #registerCleanup(windowMs: number): void {
    const cleanupMs = this.#endOf(windowMs) + this.#latenessMs;
    if (cleanupMs < MAX_TIMESTAMP_MS) this.context.timers.registerEventTimeTimer(windowMs, cleanupMs);
  }
}

export function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
