import { UserError } from '../base/errors.ts';

/** A span of time as users write it: milliseconds, or a number with a unit: `250ms`, `30s`, `5m`, `2h`, `1d`. */
export type Duration = number | string;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Milliseconds of a duration.
 *
 * @throws UserError CONFIGURATION for anything that is not a finite number of milliseconds or `<number><unit>`.
 */
export function durationMs(duration: Duration): number {
  if (typeof duration === 'number') {
    if (Number.isFinite(duration)) return duration;
  } else {
    const match = /^(-?\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)$/.exec(duration.trim());
    if (match !== null) return Math.round(Number(match[1]) * UNIT_MS[match[2]!]!);
  }
  throw new UserError('CONFIGURATION', `expected a duration such as '30s', found '${duration}'`, {
    hint: 'Write milliseconds as a number, or a number with one of the units ms, s, m, h, d.',
  });
}
