import { assert } from '../base/assert.ts';
import { MIN_TIMESTAMP_MS } from './timestamps.ts';
import type { WatermarkOutput } from './watermark-strategy.ts';

/**
 * Combines the watermarks of the splits inside one source subtask by minimum over those that are not idle. Immediate
 * outputs recombine at once, deferred ones at the next `onPeriodicEmit`. With all splits idle the maximum is emitted,
 * then idle; with no split nothing is emitted at all. Removing a split changes nothing until the next update, and never
 * takes the watermark back.
 */
export class WatermarkMultiplexer {
  readonly #target: WatermarkOutput;
  readonly #splits = new Map<string, SplitWatermark>();
  readonly #recombine = (): void => this.onPeriodicEmit();
  #watermarkMs = MIN_TIMESTAMP_MS;
  #isIdle = false;

  constructor(target: WatermarkOutput) {
    this.#target = target;
  }

  /** The last combined watermark; MIN before the first. */
  get watermarkMs(): number {
    return this.#watermarkMs;
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** Adds a split, active at MIN. */
  register(splitId: string): void {
    assert(!this.#splits.has(splitId), () => `split ${splitId}: expected a new split, found it registered`);
    this.#splits.set(splitId, new SplitWatermark());
  }

  /** @returns whether there was such a split. */
  unregister(splitId: string): boolean {
    return this.#splits.delete(splitId);
  }

  /** Recombines at once. For watermarks emitted on a record. */
  immediateOutput(splitId: string): WatermarkOutput {
    return new ImmediateOutput(this.#split(splitId), this.#recombine);
  }

  /** Is heard at the next `onPeriodicEmit`. For watermarks emitted periodically, so that all splits are asked first. */
  deferredOutput(splitId: string): WatermarkOutput {
    return this.#split(splitId);
  }

  /** What a split has promised so far; undefined for an unknown one. For alignment and "explain watermark". */
  splitWatermarkMs(splitId: string): number | undefined {
    return this.#splits.get(splitId)?.watermarkMs;
  }

  isSplitIdle(splitId: string): boolean {
    return this.#splits.get(splitId)?.isIdle ?? false;
  }

  /** Combines what the deferred outputs have said, and tells the target what changed. */
  onPeriodicEmit(): void {
    if (this.#splits.size === 0) return;
    let minimumMs = Infinity;
    let maximumMs = MIN_TIMESTAMP_MS;
    for (const split of this.#splits.values()) {
      if (split.watermarkMs > maximumMs) maximumMs = split.watermarkMs;
      if (!split.isIdle && split.watermarkMs < minimumMs) minimumMs = split.watermarkMs;
    }
    if (minimumMs === Infinity) {
      this.#emit(maximumMs);
      if (!this.#isIdle) this.#target.markIdle();
      this.#isIdle = true;
      return;
    }
    if (this.#isIdle) this.#target.markActive();
    this.#isIdle = false;
    this.#emit(minimumMs);
  }

  #emit(watermarkMs: number): void {
    if (watermarkMs <= this.#watermarkMs) return;
    this.#watermarkMs = watermarkMs;
    this.#target.emitWatermark(watermarkMs);
  }

  #split(splitId: string): SplitWatermark {
    const split = this.#splits.get(splitId);
    assert(split !== undefined, () => `split ${splitId}: expected a registered split, found none`);
    return split;
  }
}

class SplitWatermark implements WatermarkOutput {
  watermarkMs = MIN_TIMESTAMP_MS;
  isIdle = false;

  emitWatermark(watermarkMs: number): void {
    this.isIdle = false;
    if (watermarkMs > this.watermarkMs) this.watermarkMs = watermarkMs;
  }

  markIdle(): void {
    this.isIdle = true;
  }

  markActive(): void {
    this.isIdle = false;
  }
}

class ImmediateOutput implements WatermarkOutput {
  readonly #split: SplitWatermark;
  readonly #recombine: () => void;

  constructor(split: SplitWatermark, recombine: () => void) {
    this.#split = split;
    this.#recombine = recombine;
  }

  emitWatermark(watermarkMs: number): void {
    const isHigher = watermarkMs > this.#split.watermarkMs;
    this.#split.emitWatermark(watermarkMs);
    // One that is not higher moves nothing: that an idle split is back is told at the next periodic emit.
    if (isHigher) this.#recombine();
  }

  markIdle(): void {
    this.#split.markIdle();
    this.#recombine();
  }

  markActive(): void {
    this.#split.markActive();
    this.#recombine();
  }
}
