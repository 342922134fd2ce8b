/*
 * Strings in and out of buffers, the fast way. Measured on Node 24 (test/bench/schema.bench.ts, `strings`): a native call that
 * makes a string costs about 58 ns whatever its length; cutting it from a text of the surrounding bytes costs 15 ns.
 */
import type { ByteReader } from '../../engine/base/bytes.ts';

/** Calls of Node's Buffer that its types leave out: without checks of arguments. */
interface RawBuffer {
  utf8Write(text: string, offset: number, lengthMax: number): number;
  utf8Slice(start: number, end: number): string;
  latin1Slice(start: number, end: number): string;
}

/**
 * Bytes that are made into text at once. A string cut from it keeps all of it in memory, so a value that is held for long
 * must not hold much more than itself.
 */
const TEXT_BYTES = 2048;
/** Longer strings are made on their own. */
const CUT_BYTES_MAX = 512;
/** Shorter strings are written character by character. */
const LOOP_CHARS_MAX = 16;
const NOT_ASCII = 0x8080_8080 | 0;

/** The UTF-8 string of `byteCount` bytes (not 0) at `at`; all of them are before the reader's end. */
export function cutString(reader: ByteReader, at: number, byteCount: number): string {
  if (byteCount > CUT_BYTES_MAX || !isAscii(reader, at, byteCount)) {
    return (reader.buffer as unknown as RawBuffer).utf8Slice(at, at + byteCount);
  }
  return cutAscii(reader, at, byteCount);
}

/** The same for bytes that are known to be ASCII. */
export function cutAscii(reader: ByteReader, at: number, byteCount: number): string {
  if (at < reader.textStart || at + byteCount > reader.textEnd) {
    if (byteCount > CUT_BYTES_MAX) return (reader.buffer as unknown as RawBuffer).latin1Slice(at, at + byteCount);
    fillText(reader, at);
  }
  const from = at - reader.textStart;
  return reader.text.substring(from, from + byteCount);
}

function fillText(reader: ByteReader, at: number): void {
  const end = Math.min(at + TEXT_BYTES, reader.end);
  reader.text = (reader.buffer as unknown as RawBuffer).latin1Slice(at, end);
  reader.textStart = at;
  reader.textEnd = end;
}

// Hot: four bytes at a time, the last four overlapping (32 bytes: 7 ns).
function isAscii(reader: ByteReader, at: number, byteCount: number): boolean {
  if (byteCount < 4) {
    const buffer = reader.buffer;
    let bits = 0;
    for (let i = 0; i < byteCount; i++) bits |= buffer[at + i]!;
    return bits < 0x80;
  }
  const view = reader.view;
  const last = at + byteCount - 4;
  let bits = view.getInt32(last, true);
  for (let i = at; i < last; i += 4) bits |= view.getInt32(i, true);
  return (bits & NOT_ASCII) === 0;
}

/**
 * Writes length and UTF-8 of a string at `at` and returns the offset behind it. There must be room for 5 bytes and 3 more per
 * character. A lone surrogate becomes U+FFFD.
 */
export function putString(buffer: Buffer, at: number, value: string): number {
  const charCount = value.length;
  if (charCount < LOOP_CHARS_MAX) {
    for (let i = 0; i < charCount; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return putUtf8(buffer, at, value);
      buffer[at + 1 + i] = code;
    }
    buffer[at] = charCount << 1;
    return at + 1 + charCount;
  }
  return putUtf8(buffer, at, value);
}

/** Writes behind the prefix that an ASCII string would have, and moves the bytes if it turns out to be longer. */
function putUtf8(buffer: Buffer, at: number, value: string): number {
  const guess = prefixBytes(value.length);
  const byteCount = (buffer as unknown as RawBuffer).utf8Write(value, at + guess, value.length * 3);
  if (byteCount < 64) {
    buffer[at] = byteCount << 1;
    return at + 1 + byteCount;
  }
  const prefix = byteCount === value.length ? guess : prefixBytes(byteCount);
  if (prefix !== guess) buffer.copyWithin(at + prefix, at + guess, at + guess + byteCount);
  let rest = byteCount * 2;
  for (let i = 1; i < prefix; i++) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at] = rest;
  return at + 1 + byteCount;
}

/** Bytes of the zigzag varint of a length. */
function prefixBytes(length: number): number {
  return length < 64 ? 1 : length < 8192 ? 2 : length < 0x10_0000 ? 3 : length < 0x800_0000 ? 4 : 5;
}
