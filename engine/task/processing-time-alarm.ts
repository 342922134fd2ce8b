import type { Environment, TimerHandle } from '../base/environment.ts';

/**
 * Wakes a task up for its earliest processing-time timer: 1 ms after it, so that a timer for `t` means the same as one in
 * event time: `t` is over.
 */
export class ProcessingTimeAlarm {
  readonly #environment: Environment;
  readonly #onDue: () => void;
  #timer: TimerHandle | undefined;
  #atMs = Infinity;

  constructor(environment: Environment, onDue: () => void) {
    this.#environment = environment;
    this.#onDue = onDue;
  }

  /** Makes the alarm ring for a timer at `timestampMs`, unless it rings earlier anyway. */
  setFor(timestampMs: number | undefined): void {
    if (timestampMs === undefined || timestampMs >= this.#atMs) return;
    this.#timer?.cancel();
    this.#atMs = timestampMs;
    const delayMs = timestampMs + 1 - this.#environment.clock.nowMs();
    this.#timer = this.#environment.scheduler.setTimer(Math.max(0, delayMs), () => {
      this.#atMs = Infinity;
      this.#onDue();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#atMs = Infinity;
  }
}
