/*
 * Numbers and times straight from ASCII bytes, for the usual way of writing them. NaN for everything else: then the text is
 * made and read with care.
 */

/** More digits could pass 2^53. */
const EXACT_DIGITS_MAX = 15;

/** The integer in `bytes[start, end)`: a sign and up to 15 digits. NaN for anything else; never -0. */
export function integerOfBytes(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const isNegative = bytes[at] === 0x2d;
  if (isNegative) at++;
  const digitCount = end - at;
  if (digitCount < 1 || digitCount > EXACT_DIGITS_MAX) return Number.NaN;
  // Hot: nine digits fit 32 bits, whose arithmetic is faster.
  let low = 0;
  const middle = digitCount > 9 ? end - 9 : at;
  let high = 0;
  for (; at < middle; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    high = high * 10 + digit;
  }
  for (; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    low = (low * 10 + digit) | 0;
  }
  const value = high * 1e9 + low;
  return isNegative ? 0 - value : value;
}

const DAY_MS = 86_400_000;

/**
 * Milliseconds since the epoch of `YYYY-MM-DD?HH:MM:SS`, `?` a T or a space, a fraction of any length or none, then `Z` or
 * `±HH:MM`. NaN for anything else.
 */
export function isoTimeOfBytes(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 20) return Number.NaN;
  const separator = bytes[start + 10];
  const isShaped =
    bytes[start + 4] === 0x2d &&
    bytes[start + 7] === 0x2d &&
    (separator === 0x54 || separator === 0x20) &&
    bytes[start + 13] === 0x3a &&
    bytes[start + 16] === 0x3a;
  if (!isShaped) return Number.NaN;
  const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  const hour = twoDigits(bytes, start + 11);
  const minute = twoDigits(bytes, start + 14);
  const second = twoDigits(bytes, start + 17);
  let at = start + 19;
  let ms = 0;
  if (bytes[at] === 0x2e) {
    let scale = 100;
    for (at++; at < end; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) break;
      ms += digit * scale;
      scale = scale > 1 ? scale / 10 : 0;
    }
    if (bytes[at - 1] === 0x2e) return Number.NaN;
  }
  let offsetMinutes = 0;
  if (bytes[at] === 0x5a) {
    if (at + 1 !== end) return Number.NaN;
  } else {
    const sign = bytes[at];
    if (at + 6 !== end || (sign !== 0x2b && sign !== 0x2d) || bytes[at + 3] !== 0x3a) return Number.NaN;
    offsetMinutes = twoDigits(bytes, at + 1) * 60 + twoDigits(bytes, at + 4);
    if (!(offsetMinutes <= 18 * 60) || !(twoDigits(bytes, at + 4) < 60)) return Number.NaN;
    if (sign === 0x2d) offsetMinutes = -offsetMinutes;
  }
  // Comparisons with NaN are false, so a digit that is none ends here too.
  const isValid =
    year >= 100 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysOfMonth(year, month) &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  if (!isValid) return Number.NaN;
  return (
    dayNumber(year, month, day) * DAY_MS + hour * 3_600_000 + (minute - offsetMinutes) * 60_000 + second * 1000 + ms
  );
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30;
  const ones = bytes[at + 1]! - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01. Counts years from March, so that the leap day is the last of a year. */
function dayNumber(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}
