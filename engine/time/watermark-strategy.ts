import { UserError } from '../base/errors.ts';
import { type Duration, durationMs } from './duration.ts';
import { MIN_TIMESTAMP_MS } from './timestamps.ts';

/** Takes the time of a record from the record. `transportTimestampMs` is what the source said, or NaN. */
export type TimestampAssigner<T> = (value: T, transportTimestampMs: number) => number;

/** Where a generator puts its watermarks; they never go back, so a lower one changes nothing. */
export interface WatermarkOutput {
  emitWatermark(watermarkMs: number): void;
  markIdle(): void;
  markActive(): void;
}

/** Makes watermarks from records; one per split. `onEvent` may emit at once (punctuated); `onPeriodicEmit` is called every interval. */
export interface WatermarkGenerator<T> {
  onEvent(value: T, timestampMs: number, output: WatermarkOutput): void;
  onPeriodicEmit(output: WatermarkOutput): void;
}

/** Watermark = largest timestamp seen - `outOfOrdernessMs` - 1: a record may be that much behind the largest and is not late. */
export class BoundedOutOfOrderness implements WatermarkGenerator<unknown> {
  readonly #outOfOrdernessMs: number;
  maxTimestampMs: number;

  constructor(outOfOrdernessMs: number) {
    if (!(outOfOrdernessMs >= 0)) {
      throw new UserError('CONFIGURATION', `out-of-orderness must not be negative, found ${outOfOrdernessMs} ms`);
    }
    this.#outOfOrdernessMs = outOfOrdernessMs;
    this.maxTimestampMs = MIN_TIMESTAMP_MS + outOfOrdernessMs + 1;
  }

  onEvent(_value: unknown, timestampMs: number): void {
    if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
  }

  onPeriodicEmit(output: WatermarkOutput): void {
    output.emitWatermark(this.maxTimestampMs - this.#outOfOrdernessMs - 1);
  }
}

class NoWatermarks implements WatermarkGenerator<unknown> {
  onEvent(): void {}
  onPeriodicEmit(): void {}
}

/** How a source (or an assigner in mid-stream) knows event time and when it may be trusted to have passed. */
export class WatermarkStrategy<T> {
  readonly createGenerator: () => WatermarkGenerator<T>;
  /** Undefined: the transport's timestamps are used. */
  readonly timestampAssigner: TimestampAssigner<T> | undefined;
  /** A split without records for longer than this no longer holds the watermark back. Undefined: never. */
  readonly idlenessMs: number | undefined;
  /** Set for `BoundedOutOfOrderness`: the source then keeps the maximum itself, without a call per record. */
  readonly boundedOutOfOrdernessMs: number | undefined;

  constructor(options: {
    readonly createGenerator: () => WatermarkGenerator<T>;
    readonly timestampAssigner?: TimestampAssigner<T> | undefined;
    readonly idlenessMs?: number | undefined;
    readonly boundedOutOfOrdernessMs?: number | undefined;
  }) {
    this.createGenerator = options.createGenerator;
    this.timestampAssigner = options.timestampAssigner;
    this.idlenessMs = options.idlenessMs;
    this.boundedOutOfOrdernessMs = options.boundedOutOfOrdernessMs;
  }

  static forBoundedOutOfOrderness<T>(maxOutOfOrderness: Duration): WatermarkStrategy<T> {
    const outOfOrdernessMs = durationMs(maxOutOfOrderness);
    return new WatermarkStrategy<T>({
      createGenerator: () => new BoundedOutOfOrderness(outOfOrdernessMs),
      boundedOutOfOrdernessMs: outOfOrdernessMs,
    });
  }

  static forMonotonousTimestamps<T>(): WatermarkStrategy<T> {
    return WatermarkStrategy.forBoundedOutOfOrderness<T>(0);
  }

  static noWatermarks<T>(): WatermarkStrategy<T> {
    return new WatermarkStrategy<T>({ createGenerator: () => new NoWatermarks() });
  }

  static forGenerator<T>(createGenerator: () => WatermarkGenerator<T>): WatermarkStrategy<T> {
    return new WatermarkStrategy<T>({ createGenerator });
  }

  withTimestamp<U extends T = T>(timestampAssigner: TimestampAssigner<U>): WatermarkStrategy<U> {
    return new WatermarkStrategy<U>({ ...(this as unknown as WatermarkStrategy<U>), timestampAssigner });
  }

  withIdleness(timeout: Duration): WatermarkStrategy<T> {
    return new WatermarkStrategy<T>({ ...this, idlenessMs: durationMs(timeout) });
  }
}
