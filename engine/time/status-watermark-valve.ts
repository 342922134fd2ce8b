import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from './timestamps.ts';
import type { WatermarkStatusOutput } from './watermark-status-output.ts';

const ACTIVE = 0;
const IDLE = 1;
const FINISHED = 2;

/**
 * Combines the watermarks and statuses of the channels of one input.
 *
 * The watermark is the minimum over the channels that are active and aligned. A channel back from idle is unaligned, that
 * is does not count, until its watermark has reached what was emitted. Watermarks on an idle channel, and lower ones, are
 * ignored. When the last active channel goes idle and it held the minimum, the maximum over all unfinished channels is
 * emitted, then idle.
 *
 * A finished channel (a MAX watermark finishes it too) holds nothing back and adds nothing to that maximum, so a bounded
 * channel that is through does not make the records of a quiet one late. When all are finished, MAX is emitted.
 */
export class StatusWatermarkValve {
  readonly #output: WatermarkStatusOutput;
  readonly #watermarks: Float64Array;
  readonly #statuses: Uint8Array;
  readonly #isAligned: Uint8Array;
  #lastWatermarkMs = MIN_TIMESTAMP_MS;
  #isIdle = false;

  constructor(channelCount: number, output: WatermarkStatusOutput) {
    this.#output = output;
    this.#watermarks = new Float64Array(channelCount).fill(MIN_TIMESTAMP_MS);
    this.#statuses = new Uint8Array(channelCount).fill(ACTIVE);
    this.#isAligned = new Uint8Array(channelCount).fill(1);
  }

  get channelCount(): number {
    return this.#statuses.length;
  }

  /** The last watermark emitted; MIN before the first. */
  get watermarkMs(): number {
    return this.#lastWatermarkMs;
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** The last watermark accepted from a channel. For "explain watermark". */
  channelWatermarkMs(channel: number): number {
    return this.#watermarks[channel]!;
  }

  channelStatus(channel: number): 'active' | 'idle' | 'finished' {
    const status = this.#statuses[channel];
    return status === ACTIVE ? 'active' : status === IDLE ? 'idle' : 'finished';
  }

  inputWatermark(channel: number, watermarkMs: number): void {
    if (watermarkMs >= MAX_TIMESTAMP_MS) {
      this.finish(channel);
      return;
    }
    if (this.#statuses[channel] !== ACTIVE || watermarkMs <= this.#watermarks[channel]!) return;
    this.#watermarks[channel] = watermarkMs;
    if (watermarkMs >= this.#lastWatermarkMs) this.#isAligned[channel] = 1;
    this.#advanceToMinimum();
  }

  inputStatus(channel: number, isIdle: boolean): void {
    const status = this.#statuses[channel];
    if (isIdle && status === ACTIVE) {
      this.#statuses[channel] = IDLE;
      this.#leave(channel);
    } else if (!isIdle && status === IDLE) {
      this.#statuses[channel] = ACTIVE;
      if (this.#watermarks[channel]! >= this.#lastWatermarkMs) this.#isAligned[channel] = 1;
      this.#setIdle(false);
    }
  }

  /** No record and no watermark follows on the channel. */
  finish(channel: number): void {
    const status = this.#statuses[channel];
    if (status === FINISHED) return;
    this.#statuses[channel] = FINISHED;
    if (this.#isEvery(FINISHED)) {
      // A watermark is ignored where the status is idle.
      this.#setIdle(false);
      this.#emit(MAX_TIMESTAMP_MS);
    } else if (status === ACTIVE) {
      this.#leave(channel);
    }
  }

  /** The channel was active and is not any more; some channel is unfinished. */
  #leave(channel: number): void {
    this.#isAligned[channel] = 0;
    const heldMinimum = this.#watermarks[channel] === this.#lastWatermarkMs;
    if (this.#statuses.includes(ACTIVE)) {
      if (heldMinimum) this.#advanceToMinimum();
      return;
    }
    if (heldMinimum) this.#emit(this.#maximum());
    this.#setIdle(true);
  }

  #advanceToMinimum(): void {
    let minimumMs = Infinity;
    for (let i = 0; i < this.#isAligned.length; i++) {
      if (this.#isAligned[i] === 1 && this.#watermarks[i]! < minimumMs) minimumMs = this.#watermarks[i]!;
    }
    if (minimumMs !== Infinity) this.#emit(minimumMs);
  }

  #maximum(): number {
    let maximumMs = MIN_TIMESTAMP_MS;
    for (let i = 0; i < this.#statuses.length; i++) {
      if (this.#statuses[i] !== FINISHED && this.#watermarks[i]! > maximumMs) maximumMs = this.#watermarks[i]!;
    }
    return maximumMs;
  }

  #emit(watermarkMs: number): void {
    if (watermarkMs <= this.#lastWatermarkMs) return;
    this.#lastWatermarkMs = watermarkMs;
    this.#output.emitWatermark(watermarkMs);
  }

  #setIdle(isIdle: boolean): void {
    if (this.#isIdle === isIdle) return;
    this.#isIdle = isIdle;
    this.#output.emitStatus(isIdle);
  }

  #isEvery(status: number): boolean {
    return this.#statuses.every((other) => other === status);
  }
}
