import type { Counter } from '../base/metrics.ts';
import { MAX_TIMESTAMP_MS } from '../time/timestamps.ts';
import { PausableClock } from '../time/pausable-clock.ts';
import { WatermarkMultiplexer } from '../time/watermark-multiplexer.ts';
import type { WatermarkStrategy } from '../time/watermark-strategy.ts';
import type { ReaderStatus, SourceOutput, SourceReader, SourceSplit, SplitOutput } from './source.ts';
import { type JoinedAlignment, SourceAlignment } from './source-alignment.ts';
import { StreamOperator } from './stream-operator.ts';
import { TimedSplit } from './timed-split.ts';

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
 * The head of a source chain: polls a reader, assigns timestamps, and makes watermarks per split. While it has no split
 * and may still get one it is idle, so that it does not hold the watermark back.
 *
 * Stateful: the reader's splits. Law: the watermark emitted is the minimum over the active splits of what each split's
 * generator promised, and never goes back.
 */
export class SourceOperator extends StreamOperator<unknown> implements SourceOutput<unknown> {
  readonly reader: SourceReader<unknown, SourceSplit>;
  readonly #strategy: WatermarkStrategy<unknown>;
  readonly #multiplexer: WatermarkMultiplexer;
  readonly #clock: PausableClock;
  readonly #splits = new Map<string, TimedSplit>();
  readonly #recordsOut: Counter;
  readonly #alignment: SourceAlignment | undefined;
  #emitter: SourceEmitter | undefined;
  #recordsSinceWatermark = 0;
  #isDraining = false;
  #hasEnded = false;
  /** Requests for splits that the enumerator, perhaps on another thread, has not heard of yet. */
  #unheardRequests = 0;
  /** The last poll had nothing. */
  #isEmpty = false;

  constructor(options: {
    reader: SourceReader<unknown, SourceSplit>;
    strategy: WatermarkStrategy<unknown>;
    /** Stands still under backpressure. */
    clock: PausableClock;
    recordsOut: Counter;
    /** Undefined: read as fast as it goes. */
    alignment?: JoinedAlignment | undefined;
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
    this.#alignment = options.alignment === undefined ? undefined : new SourceAlignment(options.alignment, this.reader);
  }

  /** The last watermark emitted. */
  get watermarkMs(): number {
    return this.#hasEnded ? MAX_TIMESTAMP_MS : this.#multiplexer.watermarkMs;
  }

  connect(emitter: SourceEmitter): void {
    this.#emitter = emitter;
  }

  override async open(): Promise<void> {
    const alignment = this.#alignment;
    if (alignment !== undefined) this.context.metrics.gauge('watermarkAlignmentDrift', () => alignment.driftMs);
    await this.reader.start();
    this.#scheduleProbe();
  }

  /** Splits for the reader. They hold the watermark back from here on, whenever they are read. */
  addSplits(splits: readonly SourceSplit[]): void {
    if (splits.length > 0 && this.#splits.size === 0) this.#emitter!.emitStatus(false);
    for (const { splitId } of splits) this.forSplit(splitId);
    this.reader.addSplits(splits);
  }

  /** The reader asks for splits. */
  onSplitRequest(): void {
    this.#unheardRequests++;
  }

  /** The enumerator has heard of the request, and what it gave out at once is here. */
  onRequestHeard(): void {
    if (this.#unheardRequests > 0) this.#unheardRequests--;
    if (!this.#hasEnded) this.#tellWhetherIdle();
  }

  noMoreSplits(): void {
    this.reader.noMoreSplits();
  }

  /** Whether alignment lets any split be read now. Pauses and resumes single splits. */
  mayRead(): boolean {
    return this.#alignment === undefined || this.#isDraining || this.#alignment.mayRead();
  }

  /** Emits what is buffered, up to about `recordCountMax` records. */
  poll(recordCountMax: number): ReaderStatus {
    if (this.#isDraining) return 'end';
    const before = this.#recordsOut.value;
    const status = this.reader.poll(this, recordCountMax);
    this.#recordsSinceWatermark += this.#recordsOut.value - before;
    if (this.#recordsSinceWatermark >= RECORDS_PER_WATERMARK) this.probeWatermark();
    else this.#alignment?.report();
    this.#isEmpty = status === 'empty';
    this.#tellWhetherIdle();
    return status;
  }

  available(): Promise<void> {
    return this.reader.available();
  }

  /** Ends the source where it is, as if nothing more were to come. */
  drain(): void {
    this.#isDraining = true;
  }

  forSplit(splitId: string): SplitOutput<unknown> {
    let split = this.#splits.get(splitId);
    if (split === undefined) {
      const clock = this.#clock;
      split = new TimedSplit({
        splitId,
        strategy: this.#strategy,
        clock: new PausableClock({ monotonicMs: () => clock.nowMs() }),
        multiplexer: this.#multiplexer,
        output: this.output,
        recordsOut: this.#recordsOut,
      });
      this.#splits.set(splitId, split);
      this.#alignment?.add(split);
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
    this.#alignment?.remove(split);
  }

  /** Asks every split's generator, and emits what they agree on. */
  probeWatermark(): void {
    this.#recordsSinceWatermark = 0;
    for (const split of this.#splits.values()) split.probe();
    this.#multiplexer.onPeriodicEmit();
    this.#alignment?.report();
  }

  /** The source has ended: nothing holds time back any more. */
  override finish(): void {
    this.leave();
    this.#emitter!.emitStatus(false);
    this.#emitter!.emitWatermark(MAX_TIMESTAMP_MS);
  }

  /** Nothing is read any more, and nobody waits for this source. */
  leave(): void {
    this.#hasEnded = true;
    this.#alignment?.leave();
  }

  override notifyCheckpointComplete(checkpointId: number): void {
    this.reader.notifyCheckpointComplete?.(checkpointId);
  }

  override async close(): Promise<void> {
    await this.reader.close();
  }

  /** Without a split that it has or may have been given: others need not wait. */
  #tellWhetherIdle(): void {
    if (!this.#isEmpty || this.#splits.size > 0 || this.#unheardRequests > 0) return;
    this.#emitter!.emitStatus(this.reader.expectsSplits !== true);
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
