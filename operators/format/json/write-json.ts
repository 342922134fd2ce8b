/*
 * Parts of the generated JSON encoder: values written straight into bytes. The caller has made room.
 */
import { formatDecimal } from '../../../state/schema/decimal.ts';
import { hasEscaped } from './scan-json.ts';
import { hasCalendarTime } from '../../../state/schema/to-json.ts';

/** Room for a string: quotes, and an escape of six bytes for each character. */
export const STRING_BYTES_PER_CHAR = 6;
/** Room for any number. */
export const NUMBER_BYTES_MAX = 25;

/** Shorter strings are written character by character. */
const LOOP_CHARS_MAX = 16;
const DIGITS_EXACT_BELOW = 1e9;

/** Calls of Node's Buffer that its types leave out. */
interface RawBuffer {
  utf8Write(text: string, offset: number, lengthMax: number): number;
  latin1Write(text: string, offset: number, lengthMax: number): number;
}

/** Characters that JSON escapes: quote, backslash, control characters. */
const IS_ESCAPED = new Uint8Array(256);
for (let code = 0; code < 0x20; code++) IS_ESCAPED[code] = 1;
IS_ESCAPED['"'.charCodeAt(0)] = 1;
IS_ESCAPED['\\'.charCodeAt(0)] = 1;

/** A string with its quotes; returns the offset behind it. */
export function putJsonString(buffer: Buffer, view: DataView, start: number, value: string): number {
  let at = start;
  buffer[at++] = 0x22;
  const charCount = value.length;
  if (charCount < LOOP_CHARS_MAX) {
    for (let i = 0; i < charCount; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f || IS_ESCAPED[code] === 1) return putEscaped(buffer, start, value);
      buffer[at++] = code;
    }
  } else {
    const end = at + (buffer as unknown as RawBuffer).utf8Write(value, at, charCount * 3);
    for (; at <= end - 4; at += 4) if (hasEscaped(view.getInt32(at, true))) return putEscaped(buffer, start, value);
    for (; at < end; at++) if (IS_ESCAPED[buffer[at]!] === 1) return putEscaped(buffer, start, value);
  }
  buffer[at] = 0x22;
  return at + 1;
}

function putEscaped(buffer: Buffer, start: number, value: string): number {
  const text = JSON.stringify(value.toWellFormed());
  // An escape is six bytes of one each: three a character may be more than there are, and more than are needed.
  const bytesMax = Math.min(text.length * 3, buffer.length - start);
  return start + (buffer as unknown as RawBuffer).utf8Write(text, start, bytesMax);
}

/** An integer. */
export function putInteger(buffer: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  if (rest < 0) {
    buffer[at++] = 0x2d;
    rest = -rest;
  }
  if (rest < DIGITS_EXACT_BELOW) return putDigits(buffer, at, rest | 0, digitCount(rest | 0));
  const high = Math.floor(rest / DIGITS_EXACT_BELOW);
  at = putDigits(buffer, at, high | 0, digitCount(high | 0));
  return putDigits(buffer, at, (rest - high * DIGITS_EXACT_BELOW) | 0, 9);
}

function putDigits(buffer: Buffer, at: number, value: number, count: number): number {
  let rest = value;
  for (let i = at + count - 1; i >= at; i--) {
    const next = (rest / 10) | 0;
    buffer[i] = 0x30 + rest - next * 10;
    rest = next;
  }
  return at + count;
}

function digitCount(value: number): number {
  let count = 1;
  for (let bound = 10; count < 9 && value >= bound; bound *= 10) count++;
  return count;
}

/** A double; infinite ones and NaN as text. */
export function putDouble(buffer: Buffer, at: number, value: number): number {
  if (Number.isSafeInteger(value)) return putInteger(buffer, at, value);
  const text = Number.isFinite(value) ? String(value) : `"${value}"`;
  return at + (buffer as unknown as RawBuffer).latin1Write(text, at, text.length);
}

/** A decimal as text with all its digits. */
export function putDecimal(buffer: Buffer, at: number, units: bigint, scale: number): number {
  const text = `"${formatDecimal(units, scale)}"`;
  return at + (buffer as unknown as RawBuffer).latin1Write(text, at, text.length);
}

/** A time as ISO-8601 with milliseconds in UTC; as a number where the calendar has no such day. */
export function putIsoTime(buffer: Buffer, at: number, ms: number): number {
  if (!hasCalendarTime(ms)) return putInteger(buffer, at, ms);
  const text = `"${new Date(ms).toISOString()}"`;
  return at + (buffer as unknown as RawBuffer).latin1Write(text, at, text.length);
}
