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

/** Flink's rule: expired when `timestamp + timeToLive <= now`. */
export function isExpired(timestampMs: number, timeToLiveMs: number, nowMs: number): boolean {
  return timestampMs !== UNSTAMPED_MS && timestampMs + timeToLiveMs <= nowMs;
}
