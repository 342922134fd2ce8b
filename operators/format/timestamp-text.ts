import { UserError } from '../../engine/base/errors.ts';

/** Numbers below this are epoch seconds, others milliseconds: it is March 1973 in milliseconds, and the year 5138 in seconds. */
const SECONDS_BELOW = 1e11;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** What a local time without offset means: milliseconds to subtract, or NaN when that day has no such time, or has it twice. */
export type ZoneOffset = (localMs: number) => number;

/**
 * Milliseconds since the epoch of a number: an integer is milliseconds, or seconds when below 1e11 in magnitude; a fraction
 * is seconds. NaN when it is neither.
 */
export function timestampOfNumber(value: number): number {
  if (value < SECONDS_BELOW && value > -SECONDS_BELOW) return Math.round(value * 1000) + 0;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)? ?(Z|z|[+-]\d\d(?::?\d\d)?)?$/;
const NUMBER = /^-?\d{1,16}(?:\.\d{1,9})?$/;

/**
 * Milliseconds since the epoch of a text: ISO-8601 with an offset, or a number as above. A time without offset is taken in
 * the default zone. Digits below a millisecond are cut off.
 *
 * @returns NaN when it is neither, or has no offset while there is no default zone: such a time is never guessed.
 */
export function timestampOfText(text: string, zone: ZoneOffset | undefined): number {
  const match = ISO.exec(text);
  if (match === null) return NUMBER.test(text) ? timestampOfNumber(Number(text)) : Number.NaN;
  const month = Number(match[2]);
  const day = Number(match[3]);
  const hour = Number(match[4] ?? 0);
  const minute = Number(match[5] ?? 0);
  const second = Number(match[6] ?? 0);
  const milli = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return Number.NaN;
  const year = Number(match[1]);
  const localMs = Date.UTC(year, month - 1, day, hour, minute, second, milli);
  const date = new Date(localMs);
  if (date.getUTCDate() !== day || date.getUTCFullYear() !== year) return Number.NaN; // 31 June; two-digit years of Date.UTC
  const offset = match[8];
  if (offset !== undefined) return localMs - offsetMs(offset);
  return zone === undefined ? Number.NaN : localMs - zone(localMs);
}

function offsetMs(offset: string): number {
  if (offset === 'Z' || offset === 'z') return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.length > 3 ? offset.slice(-2) : 0);
  if (hours > 18 || minutes > 59) return Number.NaN;
  const ms = hours * HOUR_MS + minutes * MINUTE_MS;
  return offset.startsWith('-') ? -ms : ms;
}

/**
 * The default zone of a source: `UTC`, an offset (`+02:00`), or a name (`Europe/Berlin`).
 *
 * @throws UserError CONFIGURATION for an unknown zone.
 */
export function zoneOffset(zone: string): ZoneOffset {
  if (zone === 'UTC' || zone === 'Z') return () => 0;
  if (/^[+-]\d\d:?\d\d$/.test(zone)) {
    const ms = offsetMs(zone);
    if (Number.isNaN(ms)) throw unknownZone(zone);
    return () => ms;
  }
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  } catch (error) {
    throw unknownZone(zone, error);
  }
  const offsetByHour = new Map<number, number>();
  const offsetAt = (ms: number): number => {
    const hour = Math.floor(ms / (HOUR_MS / 4)); // zones change at quarter hours at the finest
    let offset = offsetByHour.get(hour);
    if (offset === undefined) {
      const name = format.formatToParts(ms).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT';
      offset = name === 'GMT' ? 0 : offsetMs(name.slice(3));
      if (offsetByHour.size > 100_000) offsetByHour.clear();
      offsetByHour.set(hour, offset);
    }
    return offset;
  };
  return (localMs) => {
    const before = offsetAt(localMs - 14 * HOUR_MS);
    const after = offsetAt(localMs + 14 * HOUR_MS);
    const fitsBefore = offsetAt(localMs - before) === before;
    const fitsAfter = offsetAt(localMs - after) === after;
    if (fitsBefore && fitsAfter && before !== after) return Number.NaN; // the clock showed it twice
    return fitsBefore ? before : fitsAfter ? after : Number.NaN; // or never
  };
}

function unknownZone(zone: string, cause?: unknown): UserError {
  return new UserError(
    'CONFIGURATION',
    `default zone: expected UTC, an offset like +02:00 or a zone like Europe/Berlin, found ${JSON.stringify(zone)}`,
    { cause },
  );
}
