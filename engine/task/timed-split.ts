import type { Counter } from '../base/metrics.ts';
import type { PausableClock } from '../time/pausable-clock.ts';
import { MIN_TIMESTAMP_MS } from '../time/timestamps.ts';
import type { WatermarkMultiplexer } from '../time/watermark-multiplexer.ts';
import {
  BoundedOutOfOrderness,
  type TimestampAssigner,
  type WatermarkGenerator,
  type WatermarkOutput,
  type WatermarkStrategy,
} from '../time/watermark-strategy.ts';
import { withIdlenessOf } from '../time/watermarks-with-idleness.ts';
import type { Output } from './output.ts';
import { INSERT } from './row-kind.ts';
import type { SplitOutput } from './source.ts';

/** `lastTimestampMs` when no record was read since it was taken last. */
export const NOTHING_READ = -Infinity;

/** One split of a source subtask: its records on their way into the chain, and its event time. */
export class TimedSplit implements SplitOutput<unknown> {
  readonly splitId: string;
  /** Stands still while the split may not be read. */
  readonly clock: PausableClock;
  /** Time of the last record read, NaN when it had none. Whoever takes it sets it back to `NOTHING_READ`. */
  lastTimestampMs: number = NOTHING_READ;
  readonly #output: Output<unknown>;
  readonly #assigner: TimestampAssigner<unknown> | undefined;
  readonly #bounded: BoundedOutOfOrderness | undefined;
  readonly #generator: WatermarkGenerator<unknown>;
  readonly #multiplexer: WatermarkMultiplexer;
  readonly #immediate: WatermarkOutput;
  readonly #deferred: WatermarkOutput;
  readonly #recordsOut: Counter;

  constructor(options: {
    readonly splitId: string;
    readonly strategy: WatermarkStrategy<unknown>;
    readonly clock: PausableClock;
    readonly multiplexer: WatermarkMultiplexer;
    readonly output: Output<unknown>;
    readonly recordsOut: Counter;
  }) {
    const { splitId, strategy, clock, multiplexer } = options;
    this.splitId = splitId;
    this.clock = clock;
    this.#output = options.output;
    this.#assigner = strategy.timestampAssigner;
    const generator = strategy.createGenerator();
    this.#bounded = generator instanceof BoundedOutOfOrderness ? generator : undefined;
    this.#generator = withIdlenessOf(strategy, generator, clock);
    multiplexer.register(splitId);
    this.#multiplexer = multiplexer;
    this.#immediate = multiplexer.immediateOutput(splitId);
    this.#deferred = multiplexer.deferredOutput(splitId);
    this.#recordsOut = options.recordsOut;
  }

  get isIdle(): boolean {
    return this.#multiplexer.isSplitIdle(this.splitId);
  }

  /** The watermark that the split could promise now. */
  get watermarkMs(): number {
    return this.#bounded?.watermarkMs ?? this.#multiplexer.splitWatermarkMs(this.splitId) ?? MIN_TIMESTAMP_MS;
  }

  collect(value: unknown, transportTimestampMs: number): void {
    const timestampMs =
      this.#assigner === undefined ? transportTimestampMs : this.#assigner(value, transportTimestampMs);
    this.#recordsOut.value++;
    this.lastTimestampMs = timestampMs;
    // The record goes out before the watermark it caused.
    this.#output.collect(value, timestampMs, INSERT);
    this.#generator.onEvent(value, timestampMs, this.#immediate);
  }

  probe(): void {
    this.#generator.onPeriodicEmit(this.#deferred);
  }
}
