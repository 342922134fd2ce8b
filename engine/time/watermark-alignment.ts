import { UserError } from '../base/errors.ts';
import { type Duration, durationMs } from './duration.ts';

/** How far a source may run ahead of the others of its group. */
export interface WatermarkAlignment {
  readonly group: string;
  /** Milliseconds of event time. */
  readonly maxDriftMs: number;
  /** Milliseconds of processing time. */
  readonly updateIntervalMs: number;
  /**
   * Set for groups that nobody asked for: then alignment must not be what a job waits for. Positions are timestamps of
   * records instead of watermarks, and a split that has been read up to its end holds nobody back.
   */
  readonly isByDefault?: boolean | undefined;
}

export const ALIGNMENT_UPDATE_INTERVAL_MS = 1_000;

/** @throws UserError CONFIGURATION for an empty group, a drift below 0 or an interval that is not positive. */
export function watermarkAlignment(group: string, maxDrift: Duration, updateInterval: Duration): WatermarkAlignment {
  const [maxDriftMs, updateIntervalMs] = [durationMs(maxDrift), durationMs(updateInterval)];
  if (group === '') throw new UserError('CONFIGURATION', 'a group of watermark alignment needs a name, found none');
  if (!(maxDriftMs >= 0)) {
    throw new UserError(
      'CONFIGURATION',
      `the drift of watermark alignment must not be negative, found ${maxDriftMs} ms`,
    );
  }
  if (!(updateIntervalMs > 0)) {
    throw new UserError(
      'CONFIGURATION',
      `the update interval of watermark alignment must be positive, found ${updateIntervalMs} ms`,
    );
  }
  return { group, maxDriftMs, updateIntervalMs };
}
