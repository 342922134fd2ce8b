/** A relative clock in milliseconds: `PausableClock` in the engine. */
export interface RelativeClock {
  nowMs(): number;
}

const NOT_STARTED = Number.NaN;

/**
 * Tells when an input has been quiet for longer than a timeout. The time is counted from the first check that finds no
 * activity since the check before, so that nothing but a counter is touched per record.
 */
export class IdlenessTimer {
  readonly #clock: RelativeClock;
  readonly #timeoutMs: number;
  #activityCount = 0;
  #activityCountAtCheck = 0;
  #quietSinceMs = NOT_STARTED;

  constructor(clock: RelativeClock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  activity(): void {
    this.#activityCount++;
  }

  /** Whether more than the timeout has passed since the clock was started. */
  checkIfIdle(): boolean {
    if (this.#activityCount !== this.#activityCountAtCheck) {
      this.#activityCountAtCheck = this.#activityCount;
      this.#quietSinceMs = NOT_STARTED;
      return false;
    }
    if (Number.isNaN(this.#quietSinceMs)) {
      this.#quietSinceMs = this.#clock.nowMs();
      return false;
    }
    return this.#clock.nowMs() - this.#quietSinceMs > this.#timeoutMs;
  }
}
