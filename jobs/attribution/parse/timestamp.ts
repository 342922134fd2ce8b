/** Whole numbers below this are seconds since the epoch, others milliseconds: 1e11 s is the year 5138, 1e11 ms is 1973. */
const SECONDS_BELOW = 1e11;
/** The last moment of the year 9999. */
const TIMESTAMP_MAX_MS = 253_402_300_799_999;

/**
 * A moment in any of the forms that sources use: ISO-8601 with an offset, epoch milliseconds, epoch seconds (as number or
 * as digits). Never a local time without zone: it is ambiguous.
 *
 * @param defaultOffsetMinutes zone of local times of this source; undefined: they are refused.
 * @returns integer milliseconds, or NaN when the text is none of these.
 */
export function parseTimestamp(value: unknown, defaultOffsetMinutes?: number): number {
  if (typeof value === 'number') return epochMs(value);
  if (typeof value !== 'string' || value === '') return Number.NaN;
  const first = value.charCodeAt(4);
  if (first === DASH) return isoMs(value, defaultOffsetMinutes);
  return DIGITS.test(value) ? epochMs(Number(value)) : Number.NaN;
}

const DASH = 0x2d;
const DIGITS = /^\d{1,16}(?:\.\d{1,9})?$/;

function epochMs(value: number): number {
  if (!(value >= 0)) return Number.NaN;
  const ms = value < SECONDS_BELOW ? Math.round(value * 1000) : Math.floor(value);
  return ms <= TIMESTAMP_MAX_MS ? ms : Number.NaN;
}

function isoMs(text: string, defaultOffsetMinutes: number | undefined): number {
  // Hot: the usual form, `2026-01-31T23:59:59.999Z`, without the regular expression.
  if (text.length === 24 && text.charCodeAt(23) === LETTER_Z && text.charCodeAt(10) === LETTER_T) {
    const day = dayNumber(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2));
    const ofDay = dayMs(digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2), digits(text, 20, 3));
    const isPunctuated =
      text.charCodeAt(7) === DASH &&
      text.charCodeAt(13) === COLON &&
      text.charCodeAt(16) === COLON &&
      text.charCodeAt(19) === DOT;
    return isPunctuated ? day * DAY_MS + ofDay : Number.NaN;
  }
  const match = ISO.exec(text);
  if (match === null) return Number.NaN;
  const day = dayNumber(Number(match[1]), Number(match[2]), Number(match[3]));
  const fraction = match[7] === undefined ? 0 : Math.floor(Number(`0.${match[7]}`) * 1000 + 1e-6);
  const ofDay = dayMs(Number(match[4]), Number(match[5]), match[6] === undefined ? 0 : Number(match[6]), fraction);
  return day * DAY_MS + ofDay - offsetMinutes(match[8], defaultOffsetMinutes) * 60_000;
}

const COLON = 0x3a;
const DOT = 0x2e;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const DAY_MS = 86_400_000;
const ISO = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/** A number of fixed width, or NaN. */
function digits(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Days since 1970-01-01 in the Gregorian calendar, or NaN for a day that does not exist. */
function dayNumber(year: number, month: number, day: number): number {
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= monthDays(year, month))) return Number.NaN;
  // Howard Hinnant, days_from_civil: March is the first month, so that the leap day is the last of the year.
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

function monthDays(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function dayMs(hour: number, minute: number, second: number, ms: number): number {
  if (!(hour <= 23 && minute <= 59 && second <= 59 && ms <= 999)) return Number.NaN;
  return ((hour * 60 + minute) * 60 + second) * 1000 + ms;
}

function offsetMinutes(zone: string | undefined, defaultOffsetMinutes: number | undefined): number {
  if (zone === undefined) return defaultOffsetMinutes ?? Number.NaN;
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + (zone.length > 3 ? Number(zone.slice(-2)) : 0);
  if (minutes > 18 * 60) return Number.NaN;
  return zone.startsWith('-') ? -minutes : minutes;
}
