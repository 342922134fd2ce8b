import type { Counter } from '../base/metrics.ts';
import { MAX_TIMESTAMP_MS } from '../time/timestamps.ts';
import type { PausableClock } from '../time/pausable-clock.ts';
import { WatermarkMultiplexer } from '../time/watermark-multiplexer.ts';
import { createWatermarkGenerator } from '../time/watermarks-with-idleness.ts';
import type {
  TimestampAssigner,
  WatermarkGenerator,
  WatermarkOutput,
  WatermarkStrategy,
} from '../time/watermark-strategy.ts';
import type { Output } from './output.ts';
import { INSERT } from './row-kind.ts';
import type { ReaderStatus, SourceOutput, SourceReader, SourceSplit, SplitOutput } from './source.ts';
import { StreamOperator } from './stream-operator.ts';

/** Period of watermark probes, milliseconds of processing time. */
export const AUTO_WATERMARK_INTERVAL_MS = 200;
/** A fast source emits a watermark after so many records at the latest, so that state expires with progress, not with the clock. */
const RECORDS_PER_WATERMARK = 65_536;

/** Where the source's own watermarks and statuses go: the chain behind it. */
export interface SourceEmitter {
  emitWatermark(watermarkMs: number): void;
  emitStatus(isIdle: boolean): void;
}

/**
 * The head of a source chain: polls a reader, assigns timestamps, and makes watermarks per split.
 *
 * Stateful: the reader's splits. Law: the watermark emitted is the minimum over the active splits of what each split's
 * generator promised, and never goes back.
 */
export class SourceOperator extends StreamOperator<unknown> implements SourceOutput<unknown> {
  readonly reader: SourceReader<unknown, SourceSplit>;
  readonly #strategy: WatermarkStrategy<unknown>;
  readonly #multiplexer: WatermarkMultiplexer;
  readonly #clock: PausableClock;
  readonly #splits = new Map<string, TimedSplitOutput>();
  readonly #recordsOut: Counter;
  #emitter: SourceEmitter | undefined;
  #recordsSinceWatermark = 0;
  #isDraining = false;
  #hasEnded = false;

  constructor(options: {
    reader: SourceReader<unknown, SourceSplit>;
    strategy: WatermarkStrategy<unknown>;
    clock: PausableClock;
    recordsOut: Counter;
  }) {
    super();
    this.reader = options.reader;
    this.#strategy = options.strategy;
    this.#clock = options.clock;
    this.#recordsOut = options.recordsOut;
    this.#multiplexer = new WatermarkMultiplexer({
      emitWatermark: (watermarkMs) => this.#emitter!.emitWatermark(watermarkMs),
      markIdle: () => this.#emitter!.emitStatus(true),
      markActive: () => this.#emitter!.emitStatus(false),
    });
  }

  /** The last watermark emitted. */
  get watermarkMs(): number {
    return this.#hasEnded ? MAX_TIMESTAMP_MS : this.#multiplexer.watermarkMs;
  }

  connect(emitter: SourceEmitter): void {
    this.#emitter = emitter;
  }

  override async open(): Promise<void> {
    await this.reader.start();
    this.#scheduleProbe();
  }

  /** Emits what is buffered, up to about `recordCountMax` records. */
  poll(recordCountMax: number): ReaderStatus {
    if (this.#isDraining) return 'end';
    const before = this.#recordsOut.value;
    const status = this.reader.poll(this, recordCountMax);
    this.#recordsSinceWatermark += this.#recordsOut.value - before;
    if (this.#recordsSinceWatermark >= RECORDS_PER_WATERMARK) this.probeWatermark();
    return status;
  }

  available(): Promise<void> {
    return this.reader.available();
  }

  /** Ends the source where it is, as if nothing more were to come. */
  drain(): void {
    this.#isDraining = true;
  }

  /** While the task cannot emit, idleness must not be counted. */
  setBackpressured(isBackpressured: boolean): void {
    this.#clock.setPaused('backpressure', isBackpressured);
  }

  forSplit(splitId: string): SplitOutput<unknown> {
    let split = this.#splits.get(splitId);
    if (split === undefined) {
      this.#multiplexer.register(splitId);
      split = new TimedSplitOutput({
        output: this.output,
        assigner: this.#strategy.timestampAssigner,
        generator: createWatermarkGenerator(this.#strategy, this.#clock),
        immediate: this.#multiplexer.immediateOutput(splitId),
        deferred: this.#multiplexer.deferredOutput(splitId),
        recordsOut: this.#recordsOut,
      });
      this.#splits.set(splitId, split);
    }
    return split;
  }

  releaseSplit(splitId: string): void {
    const split = this.#splits.get(splitId);
    if (split === undefined) return;
    split.probe();
    this.#multiplexer.onPeriodicEmit();
    this.#splits.delete(splitId);
    this.#multiplexer.unregister(splitId);
  }

  /** Asks every split's generator, and emits what they agree on. */
  probeWatermark(): void {
    this.#recordsSinceWatermark = 0;
    for (const split of this.#splits.values()) split.probe();
    this.#multiplexer.onPeriodicEmit();
  }

  /** The source has ended: nothing holds time back any more. */
  override finish(): void {
    this.#hasEnded = true;
    this.#emitter!.emitStatus(false);
    this.#emitter!.emitWatermark(MAX_TIMESTAMP_MS);
  }

  override notifyCheckpointComplete(checkpointId: number): void {
    this.reader.notifyCheckpointComplete?.(checkpointId);
  }

  override async close(): Promise<void> {
    await this.reader.close();
  }

  #scheduleProbe(): void {
    const atMs = this.context.environment.clock.nowMs() + AUTO_WATERMARK_INTERVAL_MS;
    this.context.timers.schedule(atMs, () => {
      if (this.#hasEnded) return;
      this.probeWatermark();
      this.#scheduleProbe();
    });
  }
}

/** One split's records on their way into the chain. */
class TimedSplitOutput implements SplitOutput<unknown> {
  readonly #output: Output<unknown>;
  readonly #assigner: TimestampAssigner<unknown> | undefined;
  readonly #generator: WatermarkGenerator<unknown>;
  readonly #immediate: WatermarkOutput;
  readonly #deferred: WatermarkOutput;
  readonly #recordsOut: Counter;

  constructor(options: {
    output: Output<unknown>;
    assigner: TimestampAssigner<unknown> | undefined;
    generator: WatermarkGenerator<unknown>;
    immediate: WatermarkOutput;
    deferred: WatermarkOutput;
    recordsOut: Counter;
  }) {
    this.#output = options.output;
    this.#assigner = options.assigner;
    this.#generator = options.generator;
    this.#immediate = options.immediate;
    this.#deferred = options.deferred;
    this.#recordsOut = options.recordsOut;
  }

  collect(value: unknown, transportTimestampMs: number): void {
    const timestampMs =
      this.#assigner === undefined ? transportTimestampMs : this.#assigner(value, transportTimestampMs);
    this.#recordsOut.value++;
    // The record goes out before the watermark it caused.
    this.#output.collect(value, timestampMs, INSERT);
    this.#generator.onEvent(value, timestampMs, this.#immediate);
  }

  probe(): void {
    this.#generator.onPeriodicEmit(this.#deferred);
  }
}
