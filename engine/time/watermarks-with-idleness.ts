import { UserError } from '../base/errors.ts';
import { IdlenessTimer, type RelativeClock } from './idleness-timer.ts';
import type { WatermarkGenerator, WatermarkOutput, WatermarkStrategy } from './watermark-strategy.ts';

/** The generator of a strategy, for one split, with its idleness detection if it has one. */
export function createWatermarkGenerator<T>(
  strategy: WatermarkStrategy<T>,
  clock: RelativeClock,
): WatermarkGenerator<T> {
  return withIdlenessOf(strategy, strategy.createGenerator(), clock);
}

/** A generator with the idleness detection of a strategy, if it has one. */
export function withIdlenessOf<T>(
  { idlenessMs }: WatermarkStrategy<T>,
  generator: WatermarkGenerator<T>,
  clock: RelativeClock,
): WatermarkGenerator<T> {
  return idlenessMs === undefined ? generator : new WatermarksWithIdleness(generator, idlenessMs, clock);
}

/** Adds idleness to a generator: marks its output idle when no record came for longer than `timeoutMs`. */
export class WatermarksWithIdleness<T> implements WatermarkGenerator<T> {
  readonly #generator: WatermarkGenerator<T>;
  readonly #timer: IdlenessTimer;
  #isIdle = false;

  /** @param clock must stand still while the input may not be read. */
  constructor(generator: WatermarkGenerator<T>, timeoutMs: number, clock: RelativeClock) {
    if (!(timeoutMs > 0))
      throw new UserError('CONFIGURATION', `an idleness timeout must be positive, found ${timeoutMs} ms`);
    this.#generator = generator;
    this.#timer = new IdlenessTimer(clock, timeoutMs);
  }

  onEvent(value: T, timestampMs: number, output: WatermarkOutput): void {
    this.#generator.onEvent(value, timestampMs, output);
    this.#timer.activity();
    // Records alone make the output active again: a watermark may be long in coming.
    if (this.#isIdle) output.markActive();
    this.#isIdle = false;
  }

  onPeriodicEmit(output: WatermarkOutput): void {
    if (!this.#timer.checkIfIdle()) {
      this.#generator.onPeriodicEmit(output);
      return;
    }
    if (!this.#isIdle) output.markIdle();
    this.#isIdle = true;
  }
}
