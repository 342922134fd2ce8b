/**
 * Event and processing time: milliseconds since the epoch as plain numbers. Both limits are finite and safe integers, and lie
 * on the same place of a second as the limits of a signed 64-bit integer, so that window alignment near them is the same.
 * Watermark t promises: no record with a timestamp <= t follows.
 */
export const MIN_TIMESTAMP_MS = -9_007_199_254_740_808;
export const MAX_TIMESTAMP_MS = 9_007_199_254_740_807;

/** Timestamp of a record that carries none. Not a number of the time line, so that every comparison with it is false. */
export const NO_TIMESTAMP: number = Number.NaN;

export function hasTimestamp(timestampMs: number): boolean {
  return timestampMs === timestampMs;
}

/** `timestampMs + durationMs`, clamped to MAX. */
export function saturatingAdd(timestampMs: number, durationMs: number): number {
  const sum = timestampMs + durationMs;
  if (sum > MAX_TIMESTAMP_MS) return MAX_TIMESTAMP_MS;
  return sum < MIN_TIMESTAMP_MS ? MIN_TIMESTAMP_MS : sum;
}
