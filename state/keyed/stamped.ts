/**
 * A value with the time of its last write (or read), for time-to-live. `UNSTAMPED_MS` says that the clock was not known
 * yet; the first look after it is known sets it, so that what was written before the first watermark is not lost at it.
 */
export class Stamped {
  readonly value: unknown;
  timestampMs: number;

  constructor(value: unknown, timestampMs: number) {
    this.value = value;
    this.timestampMs = timestampMs;
  }
}

/** The smallest timestamp of the engine: also what an event-time clock shows before the first watermark. */
export const UNSTAMPED_MS = -9_007_199_254_740_808;

/** What time-to-live goes by in one time domain. */
export class ExpiryClock {
  nowMs: number = UNSTAMPED_MS;
  /** The first time known: what is unstamped counts from it, however late it is looked at. */
  firstMs: number = UNSTAMPED_MS;

  advance(nowMs: number): void {
    this.nowMs = nowMs;
    if (this.firstMs === UNSTAMPED_MS) this.firstMs = nowMs;
  }

  /** Flink's rule: expired when `timestamp + timeToLive <= now`. */
  isExpired(timestampMs: number, timeToLiveMs: number): boolean {
    if (timestampMs !== UNSTAMPED_MS) return timestampMs + timeToLiveMs <= this.nowMs;
    return this.firstMs !== UNSTAMPED_MS && this.firstMs + timeToLiveMs <= this.nowMs;
  }
}
