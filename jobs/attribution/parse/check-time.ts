import type { RawRecord } from '../raw-record.ts';
import type { AttributionRules } from '../rules.ts';
import { RowError, shown } from './row-error.ts';
import { parseTimestamp } from './timestamp.ts';

/**
 * Event time of a row.
 *
 * @throws RowError REQUIRED_MISSING, TS_UNPARSEABLE, or TS_FUTURE when the event lies further ahead of the moment at which
 * the row was taken in than clocks may differ.
 */
export function eventTimeOf(field: string, value: unknown, raw: RawRecord, rules: AttributionRules): number {
  if (value === undefined || value === null || value === '') {
    throw new RowError('REQUIRED_MISSING', `${field}: expected a timestamp, found nothing`);
  }
  const at = parseTimestamp(value);
  if (at !== at) {
    throw new RowError(
      'TS_UNPARSEABLE',
      `${field}: expected ISO-8601 with an offset, epoch milliseconds or seconds, found ${shown(value)}`,
    );
  }
  // False without a receive time.
  if (at - raw.receivedAtMs > rules.futureToleranceMs) {
    throw new RowError(
      'TS_FUTURE',
      `${field}: ${shown(value)} lies ${at - raw.receivedAtMs} ms ahead of the time of receipt`,
    );
  }
  return at;
}

/** Whether a row came so late that what it could join may be gone. Rows without a time of receipt never are. */
export function isLate(at: number, receivedAt: number | undefined, rules: AttributionRules): boolean {
  return receivedAt !== undefined && receivedAt - at > rules.latenessMs;
}

/** Time of receipt as an optional field. */
export function receivedAtOf(raw: RawRecord): number | undefined {
  return raw.receivedAtMs === raw.receivedAtMs ? raw.receivedAtMs : undefined;
}
