import type { ResolvedOptions } from '../options.ts';
import type { Draws } from '../world/draw.ts';
import { SALT_EXTRA } from './log-model.ts';
import type { Trouble } from './slot-plan.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

/** Event time of an extra record that is logged at `arrivalMs`: long before it, long after it, or about then. */
export function extraEventTimeMs(
  options: ResolvedOptions,
  draws: Draws,
  trouble: Trouble,
  extraIndex: number,
  arrivalMs: number,
): number {
  if (trouble === 'late') {
    const spanMs = options.lateMaxMs - options.lateMinMs;
    return arrivalMs - options.lateMinMs - Math.floor(draws.unit(SALT_EXTRA.lateness, extraIndex) * spanMs);
  }
  if (trouble === 'futureTimestamp') {
    // From an hour to a year, as clocks that are set wrong; a second more for times cut to whole seconds.
    return arrivalMs + HOUR_MS + 1000 + Math.floor(draws.unit(SALT_EXTRA.future, extraIndex) ** 4 * YEAR_MS);
  }
  return arrivalMs;
}
