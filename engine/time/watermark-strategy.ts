import { UserError } from '../base/errors.ts';
import { type Duration, durationMs } from './duration.ts';
import { MIN_TIMESTAMP_MS } from './timestamps.ts';
import { watermarkAlignment, type WatermarkAlignment } from './watermark-alignment.ts';

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

  /** MIN before the first record. */
  get watermarkMs(): number {
    return this.maxTimestampMs - this.#outOfOrdernessMs - 1;
  }

  onPeriodicEmit(output: WatermarkOutput): void {
    output.emitWatermark(this.watermarkMs);
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
  /** How the source is kept from running ahead of others. Undefined: as the job's graph says. */
  readonly alignment: WatermarkAlignment | 'off' | undefined;
  /** True for `noWatermarks`: the source knows no event time. */
  readonly isWithoutWatermarks: boolean;

  constructor(options: {
    readonly createGenerator: () => WatermarkGenerator<T>;
    readonly timestampAssigner?: TimestampAssigner<T> | undefined;
    readonly idlenessMs?: number | undefined;
    readonly boundedOutOfOrdernessMs?: number | undefined;
    readonly alignment?: WatermarkAlignment | 'off' | undefined;
    readonly isWithoutWatermarks?: boolean | undefined;
  }) {
    this.createGenerator = options.createGenerator;
    this.timestampAssigner = options.timestampAssigner;
    this.idlenessMs = options.idlenessMs;
    this.boundedOutOfOrdernessMs = options.boundedOutOfOrdernessMs;
    this.alignment = options.alignment;
    this.isWithoutWatermarks = options.isWithoutWatermarks ?? false;
  }

  /** A record may be up to `maxOutOfOrderness` older than the newest one before it. */
  static forBoundedOutOfOrderness<T>(maxOutOfOrderness: Duration): WatermarkStrategy<T> {
    const outOfOrdernessMs = durationMs(maxOutOfOrderness);
    return new WatermarkStrategy<T>({
      createGenerator: () => new BoundedOutOfOrderness(outOfOrdernessMs),
      boundedOutOfOrdernessMs: outOfOrdernessMs,
    });
  }

  /** Timestamps never go back within a split. */
  static forMonotonousTimestamps<T>(): WatermarkStrategy<T> {
    return WatermarkStrategy.forBoundedOutOfOrderness<T>(0);
  }

  /** No watermark until the end of input: for processing time, or when watermarks are made in mid-stream. */
  static noWatermarks<T>(): WatermarkStrategy<T> {
    return new WatermarkStrategy<T>({ createGenerator: () => new NoWatermarks(), isWithoutWatermarks: true });
  }

  /** Watermarks of one's own, periodic or punctuated. `createGenerator` is called once per split. */
  static forGenerator<T>(createGenerator: () => WatermarkGenerator<T>): WatermarkStrategy<T> {
    return new WatermarkStrategy<T>({ createGenerator });
  }

  /** The time of a record, taken from the record. Default: what the transport says. */
  withTimestamp<U extends T = T>(timestampAssigner: TimestampAssigner<U>): WatermarkStrategy<U> {
    return new WatermarkStrategy<U>({ ...(this as unknown as WatermarkStrategy<U>), timestampAssigner });
  }

  /**
   * A split from which no record has come for longer than `timeout` does not hold the watermark back until its next
   * record. Time in which the split may not be read (backpressure, alignment) is not counted. Default: never.
   *
   * @throws UserError CONFIGURATION when the timeout is not positive.
   */
  withIdleness(timeout: Duration): WatermarkStrategy<T> {
    const idlenessMs = durationMs(timeout);
    if (!(idlenessMs > 0)) {
      throw new UserError('CONFIGURATION', `an idleness timeout must be positive, found ${idlenessMs} ms`);
    }
    return new WatermarkStrategy<T>({ ...this, idlenessMs });
  }

  /**
   * Splits whose watermark is more than `maxDrift` ahead of the lowest one in the group are not read until the others
   * have caught up. Sources of one job that name the same group are aligned with each other. Idle and finished splits hold
   * nobody back. Overrides the groups that joins form by themselves.
   *
   * @param updateInterval how often the group is looked at besides; it moves on with every batch read anyway. Default 1 s.
   * @throws UserError CONFIGURATION for a drift below 0 or an interval that is not positive.
   */
  withWatermarkAlignment(group: string, maxDrift: Duration, updateInterval: Duration = '1s'): WatermarkStrategy<T> {
    const alignment = watermarkAlignment(group, maxDrift, updateInterval);
    return new WatermarkStrategy<T>({ ...this, alignment });
  }

  /** The source is read as fast as it goes, also where it feeds a join. */
  withoutWatermarkAlignment(): WatermarkStrategy<T> {
    return new WatermarkStrategy<T>({ ...this, alignment: 'off' });
  }
}
