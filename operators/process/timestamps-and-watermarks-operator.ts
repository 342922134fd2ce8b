import type { RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator, type WatermarkEmitter, type WatermarkInterceptor } from '../../engine/task/stream-operator.ts';
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import type {
  TimestampAssigner,
  WatermarkGenerator,
  WatermarkOutput,
  WatermarkStrategy,
} from '../../engine/time/watermark-strategy.ts';
import { createWatermarkGenerator } from '../../engine/time/watermarks-with-idleness.ts';

/** Milliseconds of processing time between two periodic watermarks. */
export const WATERMARK_INTERVAL_MS = 200;

/**
 * Assigns timestamps and makes watermarks in mid-stream. What upstream says about time is swallowed, but for MAX, the end
 * of input.
 *
 * Law: a record goes out before the watermark it caused; the watermark never goes back.
 */
export class TimestampsAndWatermarksOperator<T> extends StreamOperator<T> {
  readonly #strategy: WatermarkStrategy<T>;
  readonly #intervalMs: number;
  readonly #watermarks = new MonotonousWatermarks();
  #assign: TimestampAssigner<T> | undefined;
  #generator: WatermarkGenerator<T> = undefined as never;
  #timer: { cancel(): void } | undefined;
  override readonly watermarkInterceptor: WatermarkInterceptor = {
    open: (emitter) => void (this.#watermarks.emitter = emitter),
    onWatermark: (watermarkMs) => {
      if (watermarkMs === MAX_TIMESTAMP_MS) this.#watermarks.emitWatermark(MAX_TIMESTAMP_MS);
    },
    onStatus: () => {},
  };

  constructor(strategy: WatermarkStrategy<T>, intervalMs: number = WATERMARK_INTERVAL_MS) {
    super();
    this.#strategy = strategy;
    this.#intervalMs = intervalMs;
  }

  override open(): void {
    this.#assign = this.#strategy.timestampAssigner;
    this.#generator = createWatermarkGenerator(this.#strategy, this.context.activityClock);
    this.#schedule();
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const assign = this.#assign;
    const assignedMs = assign === undefined ? timestampMs : assign(value as T, timestampMs);
    this.output.collect(value as T, assignedMs, kind);
    this.#generator.onEvent(value as T, assignedMs, this.#watermarks);
  }

  override finish(): void {
    this.#generator.onPeriodicEmit(this.#watermarks);
  }

  override close(): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (!(this.#intervalMs > 0)) return;
    const timers = this.context.timers;
    this.#timer = timers.schedule(timers.currentProcessingTimeMs() + this.#intervalMs, () => {
      this.#generator.onPeriodicEmit(this.#watermarks);
      this.#schedule();
    });
  }
}

/** Passes on only watermarks that advance, and only changes of status; a watermark makes active. */
class MonotonousWatermarks implements WatermarkOutput {
  emitter: WatermarkEmitter = undefined as never;
  #watermarkMs = MIN_TIMESTAMP_MS;
  #isIdle = false;

  emitWatermark(watermarkMs: number): void {
    if (!(watermarkMs > this.#watermarkMs)) return;
    this.#watermarkMs = watermarkMs;
    this.markActive();
    this.emitter.emitWatermark(watermarkMs);
  }

  markIdle(): void {
    if (this.#isIdle) return;
    this.#isIdle = true;
    this.emitter.markIdle();
  }

  markActive(): void {
    if (!this.#isIdle) return;
    this.#isIdle = false;
    this.emitter.markActive();
  }
}
