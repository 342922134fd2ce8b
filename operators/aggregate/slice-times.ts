import { greatestCommonDivisor } from '../window/sliced-window-operator.ts';
import { windowStartMs } from '../window/window.ts';

/** The slices that windows of `sizeMs` every `slideMs` are cut into: no window boundary divides one. */
export class SliceTimes {
  /** Length of a slice. */
  readonly sliceMs: number;
  readonly #sizeMs: number;
  readonly #slideMs: number;
  readonly #offsetMs: number;

  constructor(sizeMs: number, slideMs: number, offsetMs: number) {
    this.sliceMs = greatestCommonDivisor(sizeMs, slideMs);
    this.#sizeMs = sizeMs;
    this.#slideMs = slideMs;
    this.#offsetMs = offsetMs;
  }

  /** Start of the slice of a time. */
  sliceOf(timestampMs: number): number {
    return windowStartMs(timestampMs, this.#offsetMs, this.sliceMs);
  }

  /** The last timestamp of the first window that holds a slice. */
  firstEndOf(sliceMs: number): number {
    const lastMs = windowStartMs(sliceMs, this.#offsetMs, this.#slideMs);
    const earliestMs = sliceMs + this.sliceMs - this.#sizeMs;
    return lastMs - Math.floor((lastMs - earliestMs) / this.#slideMs) * this.#slideMs + this.#sizeMs - 1;
  }
}
