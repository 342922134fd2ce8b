/*
 * Parts of the JSON scanner: values read straight from bytes. Each function takes the offset of a value and leaves the offset
 * behind it in `reader.offset`. Whatever is not the usual way of writing is given up (FAILED), and `JSON.parse` decides:
 * so a scanner may be stricter than JSON, never laxer.
 */
import type { ByteReader } from '../../../engine/base/bytes.ts';
import { cutAscii, cutString } from '../../../state/schema/text.ts';
import { integerOfBytes, isoTimeOfBytes } from '../number-bytes.ts';
import { timestampOfNumber } from '../timestamp-text.ts';

/** What a scanner returns when it gives up. */
export const FAILED: unique symbol = Symbol('failed');
export type Failed = typeof FAILED;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

// The same byte four times.
const ONES = 0x0101_0101;
const HIGHS = 0x8080_8080 | 0;
const TWOS = 0x02 * ONES;
const BELOW = 0x21 * ONES;
const BACKSLASHES = BACKSLASH * ONES;

/** `true`, `null` and the first four bytes of `false` as little-endian words. */
export const TRUE_WORD = 0x6575_7274;
export const FALS_WORD = 0x736c_6166;
export const NULL_WORD = 0x6c6c_756e;

/** Whether one of the four bytes of a word is a quote, a backslash or a control character. */
export function hasEscaped(word: number): boolean {
  return ((((word ^ TWOS) - BELOW) | ((word ^ BACKSLASHES) - ONES)) & ~word & HIGHS) !== 0;
}

let isAllAscii = false;

/**
 * The offset of the first quote, backslash or control character at or after `at`; the buffer's end when there is none. Sets
 * `isAllAscii` for the bytes passed.
 */
function findStop(reader: ByteReader, at: number): number {
  const view = reader.view;
  const lastWord = reader.buffer.length - 4;
  let bits = 0;
  while (at <= lastWord) {
    const word = view.getInt32(at, true);
    // With bit 1 turned, quotes and control characters are the bytes below 0x21.
    const found = (((word ^ TWOS) - BELOW) | ((word ^ BACKSLASHES) - ONES)) & ~word & HIGHS;
    if (found !== 0) {
      const low = found & -found;
      isAllAscii = ((bits | (word & (low - 1))) & HIGHS) === 0;
      return at + ((31 - Math.clz32(low)) >> 3);
    }
    bits |= word;
    at += 4;
  }
  const buffer = reader.buffer;
  for (; at < buffer.length; at++) {
    const byte = buffer[at]!;
    if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) break;
    bits |= byte << 24;
  }
  isAllAscii = (bits & HIGHS) === 0;
  return at;
}

/** A string; `at` is behind its opening quote. */
export function scanString(reader: ByteReader, at: number): string | Failed {
  const stop = findStop(reader, at);
  const byte = reader.buffer[stop];
  if (byte === QUOTE) {
    reader.offset = stop + 1;
    if (stop === at) return '';
    return isAllAscii ? cutAscii(reader, at, stop - at) : cutString(reader, at, stop - at);
  }
  if (byte !== BACKSLASH) return FAILED;
  const end = skipString(reader, at);
  if (end < 0) return FAILED;
  reader.offset = end;
  return JSON.parse(reader.buffer.toString('utf8', at - 1, end)) as string;
}

/** The offset behind a string whose opening quote is before `at`, or -1. */
export function skipString(reader: ByteReader, at: number): number {
  const buffer = reader.buffer;
  for (;;) {
    at = findStop(reader, at);
    const byte = buffer[at];
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) return -1;
    const escape = buffer[at + 1]!;
    if (escape === 0x75) {
      for (let i = 2; i < 6; i++) if (!isHexDigit(buffer[at + i]!)) return -1;
      at += 6;
    } else if (ESCAPES[escape] === 1) {
      at += 2;
    } else return -1;
  }
}

/** `" \ / b f n r t` */
const ESCAPES = new Uint8Array(256);
for (const character of '"\\/bfnrt') ESCAPES[character.charCodeAt(0)] = 1;

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

/** The offset behind a JSON number, or -1. */
function skipNumber(buffer: Buffer, start: number): number {
  let at = start;
  if (buffer[at] === 0x2d) at++;
  if (buffer[at] === 0x30) at++;
  else if ((at = skipDigits(buffer, at)) < 0) return -1;
  if (buffer[at] === 0x2e && (at = skipDigits(buffer, at + 1)) < 0) return -1;
  if ((buffer[at]! | 0x20) === 0x65) {
    at++;
    if (buffer[at] === 0x2b || buffer[at] === 0x2d) at++;
    at = skipDigits(buffer, at);
  }
  return at;
}

/** The offset behind one or more digits, or -1. */
function skipDigits(buffer: Buffer, start: number): number {
  let at = start;
  while (isDigit(buffer[at]!)) at++;
  return at === start ? -1 : at;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** An integer of up to 15 digits, not written with a point or an exponent; else NaN. */
export function scanInteger(reader: ByteReader, start: number): number {
  const { buffer, view } = reader;
  let at = start;
  const isNegative = buffer[at] === 0x2d;
  if (isNegative) at++;
  const first = at;
  let value = 0;
  // Hot: four digits at a time, pairs first.
  const lastWord = buffer.length - 4;
  while (at <= lastWord) {
    const word = view.getInt32(at, true);
    if ((word & UPPER_HALVES) !== ZEROS || ((word + SIXES) & UPPER_HALVES) !== ZEROS) break;
    const digits = word & LOWER_HALVES;
    const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff_00ff;
    value = value * 10_000 + (pairs & 0xff) * 100 + (pairs >>> 16);
    at += 4;
  }
  let byte = buffer[at]!;
  for (; isDigit(byte); byte = buffer[++at]!) value = value * 10 + byte - 0x30;
  const digitCount = at - first;
  if (digitCount === 0 || digitCount > 15 || (digitCount > 1 && buffer[first] === 0x30)) return Number.NaN;
  if (byte === 0x2e || (byte | 0x20) === 0x65) return Number.NaN;
  reader.offset = at;
  return isNegative ? 0 - value : value;
}

const UPPER_HALVES = 0xf0f0_f0f0 | 0;
const LOWER_HALVES = 0x0f0f_0f0f;
const ZEROS = 0x3030_3030;
const SIXES = 0x0606_0606;

/** Any number; NaN when it is none. */
export function scanNumber(reader: ByteReader, start: number): number {
  const value = scanInteger(reader, start);
  if (value === value && value !== 0) return value;
  const end = skipNumber(reader.buffer, start);
  if (end < 0) return Number.NaN;
  reader.offset = end;
  return Number(reader.buffer.toString('latin1', start, end));
}

/** A time as epoch number or as ISO-8601 text with offset; else NaN. */
export function scanTimestamp(reader: ByteReader, start: number): number {
  if (reader.buffer[start] !== QUOTE) return timestampOfNumber(scanNumber(reader, start));
  const stop = findStop(reader, start + 1);
  if (reader.buffer[stop] !== QUOTE) return Number.NaN;
  reader.offset = stop + 1;
  const ms = isoTimeOfBytes(reader.buffer, start + 1, stop);
  return ms === ms ? ms : timestampOfNumber(integerOfBytes(reader.buffer, start + 1, stop));
}

/** The first offset at or after `at` that holds no white space. A line feed ends the line, so it counts as none. */
export function skipSpace(buffer: Buffer, at: number): number {
  for (;;) {
    const byte = buffer[at];
    if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

const DEPTH_MAX = 64;

/** The offset behind any value, or -1 when it is not well formed or nested too deeply. */
export function skipValue(reader: ByteReader, start: number, depth: number = 0): number {
  const buffer = reader.buffer;
  switch (buffer[start]) {
    case QUOTE:
      return skipString(reader, start + 1);
    case 0x74: // t
      return reader.view.getInt32(start, true) === TRUE_WORD ? start + 4 : -1;
    case 0x66: // f
      return reader.view.getInt32(start, true) === FALS_WORD && buffer[start + 4] === 0x65 ? start + 5 : -1;
    case 0x6e: // n
      return reader.view.getInt32(start, true) === NULL_WORD ? start + 4 : -1;
    case 0x7b: // {
      return skipEntries(reader, start, 0x7d, depth);
    case 0x5b: // [
      return skipEntries(reader, start, 0x5d, depth);
    default:
      return skipNumber(buffer, start);
  }
}

function skipEntries(reader: ByteReader, start: number, close: number, depth: number): number {
  if (depth === DEPTH_MAX) return -1;
  const buffer = reader.buffer;
  let at = skipSpace(buffer, start + 1);
  if (buffer[at] === close) return at + 1;
  for (;;) {
    if (close === 0x7d) {
      if (buffer[at] !== QUOTE || (at = skipString(reader, at + 1)) < 0) return -1;
      at = skipSpace(buffer, at);
      if (buffer[at] !== 0x3a) return -1;
      at = skipSpace(buffer, at + 1);
    }
    at = skipValue(reader, at, depth + 1);
    if (at < 0) return -1;
    at = skipSpace(buffer, at);
    const byte = buffer[at];
    if (byte === close) return at + 1;
    if (byte !== 0x2c) return -1;
    at = skipSpace(buffer, at + 1);
  }
}
