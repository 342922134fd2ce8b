import type { Clock } from '../base/environment.ts';

/** Why an input is held: its task is backpressured, or watermark alignment keeps it from running ahead. */
export type PauseReason = 'backpressure' | 'alignment';

/**
 * A relative clock that stands still while any reason to pause is there. Idleness is measured by it: an input that may
 * not be read is not quiet.
 */
export class PausableClock {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #pausedMs = 0;
  #pausedSinceMs = 0;
  #isBackpressured = false;
  #isAligning = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  get isPaused(): boolean {
    return this.#isBackpressured || this.#isAligning;
  }

  /** Milliseconds from an arbitrary start, without the time spent paused. */
  nowMs(): number {
    return (this.isPaused ? this.#pausedSinceMs : this.#clock.monotonicMs()) - this.#pausedMs;
  }

  /** Pausing twice for one reason is once; the clock goes on when no reason is left. */
  setPaused(reason: PauseReason, isPaused: boolean): void {
    const wasPaused = this.isPaused;
    if (reason === 'backpressure') this.#isBackpressured = isPaused;
    else this.#isAligning = isPaused;
    if (wasPaused === this.isPaused) return;
    if (wasPaused) this.#pausedMs += this.#clock.monotonicMs() - this.#pausedSinceMs;
    else this.#pausedSinceMs = this.#clock.monotonicMs();
  }
}
