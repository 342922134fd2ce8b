import type { Clock } from '../base/environment.ts';
import type { MetricGroup } from '../base/metrics.ts';

/** The shares are of at least so long, milliseconds. */
const WINDOW_MS = 1000;

/**
 * What a task spends its time on: at work (steps, and waiting for its state), held back by the tasks behind it, or idle. As
 * tasks share a thread, those that have work for the whole time are busy for a part of it; the parts tell which costs most.
 *
 * Metrics, in milliseconds per second: `busyTimeMsPerSecond`, `backPressuredTimeMsPerSecond`, `idleTimeMsPerSecond`.
 */
export class TaskLoad {
  readonly #clock: Clock;
  #busyMs = 0;
  #heldBackMs = 0;
  #isHeldBack = false;
  #heldBackSinceMs = 0;
  #isFetching = false;
  #fetchingSinceMs = 0;
  #windowStartMs: number;
  #windowBusyMs = 0;
  #windowHeldBackMs = 0;
  #shares = { busy: 0, heldBack: 0, idle: 1000 };

  constructor(clock: Clock, metrics: MetricGroup) {
    this.#clock = clock;
    this.#windowStartMs = clock.monotonicMs();
    metrics.gauge('busyTimeMsPerSecond', () => this.#look().busy);
    metrics.gauge('backPressuredTimeMsPerSecond', () => this.#look().heldBack);
    metrics.gauge('idleTimeMsPerSecond', () => this.#look().idle);
  }

  /** A step has taken so long, milliseconds. */
  addStep(durationMs: number): void {
    this.#busyMs += durationMs;
  }

  setHeldBack(isHeldBack: boolean): void {
    if (isHeldBack === this.#isHeldBack) return;
    this.#isHeldBack = isHeldBack;
    const nowMs = this.#clock.monotonicMs();
    if (isHeldBack) this.#heldBackSinceMs = nowMs;
    else this.#heldBackMs += nowMs - this.#heldBackSinceMs;
  }

  /** State is being fetched: nothing may run. */
  get isFetching(): boolean {
    return this.#isFetching;
  }

  setFetching(isFetching: boolean): void {
    if (isFetching === this.#isFetching) return;
    this.#isFetching = isFetching;
    const nowMs = this.#clock.monotonicMs();
    if (isFetching) this.#fetchingSinceMs = nowMs;
    else this.#busyMs += nowMs - this.#fetchingSinceMs;
  }

  /** The shares of the last whole window; of the time so far in the first. */
  #look(): { readonly busy: number; readonly heldBack: number; readonly idle: number } {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < WINDOW_MS) return this.#shares;
    const busyMs = this.#busyMs + (this.#isFetching ? nowMs - this.#fetchingSinceMs : 0);
    const heldBackMs = this.#heldBackMs + (this.#isHeldBack ? nowMs - this.#heldBackSinceMs : 0);
    const busy = shareOf(busyMs - this.#windowBusyMs, elapsedMs);
    const heldBack = Math.min(1000 - busy, shareOf(heldBackMs - this.#windowHeldBackMs, elapsedMs));
    this.#shares = { busy, heldBack, idle: 1000 - busy - heldBack };
    this.#windowStartMs = nowMs;
    this.#windowBusyMs = busyMs;
    this.#windowHeldBackMs = heldBackMs;
    return this.#shares;
  }
}

function shareOf(partMs: number, elapsedMs: number): number {
  return Math.min(1000, Math.round((1000 * partMs) / elapsedMs));
}
