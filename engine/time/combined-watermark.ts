import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from './timestamps.ts';
import type { WatermarkStatusOutput } from './watermark-status-output.ts';

const ACTIVE = 0;
const IDLE = 1;
const FINISHED = 2;

/**
 * Combines the watermarks and statuses of the inputs of an operator, each of which is a valve's output already: the
 * minimum over the active inputs, emitted only when it advances. When the last active input turns idle, the maximum over
 * all unfinished inputs is emitted, then idle. A finished input (MAX finishes it) holds nothing back; when all are
 * finished, MAX is emitted.
 */
export class CombinedWatermark {
  readonly #output: WatermarkStatusOutput;
  readonly #watermarks: Float64Array;
  readonly #statuses: Uint8Array;
  #watermarkMs = MIN_TIMESTAMP_MS;
  #isIdle = false;

  constructor(inputCount: number, output: WatermarkStatusOutput) {
    this.#output = output;
    this.#watermarks = new Float64Array(inputCount).fill(MIN_TIMESTAMP_MS);
    this.#statuses = new Uint8Array(inputCount).fill(ACTIVE);
  }

  /** The last watermark emitted; MIN before the first. */
  get watermarkMs(): number {
    return this.#watermarkMs;
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  inputWatermarkMs(inputIndex: number): number {
    return this.#watermarks[inputIndex]!;
  }

  /** A watermark on an idle input makes it active again. */
  inputWatermark(inputIndex: number, watermarkMs: number): void {
    if (watermarkMs >= MAX_TIMESTAMP_MS) {
      this.finish(inputIndex);
      return;
    }
    if (this.#statuses[inputIndex] === FINISHED) return;
    this.#statuses[inputIndex] = ACTIVE;
    if (watermarkMs > this.#watermarks[inputIndex]!) this.#watermarks[inputIndex] = watermarkMs;
    this.#combine();
  }

  inputStatus(inputIndex: number, isIdle: boolean): void {
    if (this.#statuses[inputIndex] === FINISHED) return;
    this.#statuses[inputIndex] = isIdle ? IDLE : ACTIVE;
    this.#combine();
  }

  /** No record and no watermark follows on the input. */
  finish(inputIndex: number): void {
    if (this.#statuses[inputIndex] === FINISHED) return;
    this.#statuses[inputIndex] = FINISHED;
    this.#combine();
  }

  #combine(): void {
    let minimumMs = Infinity;
    let maximumMs = MIN_TIMESTAMP_MS;
    let isAnyActive = false;
    let isAllFinished = true;
    for (let i = 0; i < this.#statuses.length; i++) {
      if (this.#statuses[i] === FINISHED) continue;
      const watermarkMs = this.#watermarks[i]!;
      isAllFinished = false;
      if (watermarkMs > maximumMs) maximumMs = watermarkMs;
      if (this.#statuses[i] === IDLE) continue;
      isAnyActive = true;
      if (watermarkMs < minimumMs) minimumMs = watermarkMs;
    }
    if (isAnyActive || isAllFinished) {
      this.#setIdle(false);
      this.#emit(isAllFinished ? MAX_TIMESTAMP_MS : minimumMs);
    } else {
      this.#emit(maximumMs);
      this.#setIdle(true);
    }
  }

  #emit(watermarkMs: number): void {
    if (watermarkMs <= this.#watermarkMs) return;
    this.#watermarkMs = watermarkMs;
    this.#output.emitWatermark(watermarkMs);
  }

  #setIdle(isIdle: boolean): void {
    if (this.#isIdle === isIdle) return;
    this.#isIdle = isIdle;
    this.#output.emitStatus(isIdle);
  }
}
