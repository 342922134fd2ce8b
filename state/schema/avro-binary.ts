/*
 * Avro binary, the parts that all shapes share.
 *   int, long      zigzag, then 7 bits a byte, low bits first, high bit = more follow; 1 to 10 bytes
 *   string, bytes  long: byte length, then the bytes (UTF-8)
 *   double         8 bytes, IEEE 754, little-endian; float: 4 bytes
 * Longs are JavaScript numbers and must be safe integers. Halving and doubling is done by arithmetic, not by shifting,
 * where 32 bits do not hold.
 */
import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { RecordError } from '../../engine/base/errors.ts';

/** A long takes up to 10 bytes in Avro; a safe integer never more than 8. */
export const LONG_BYTES_MAX = 8;
export const INT_BYTES_MAX = 5;

/** Writes a safe integer (unchecked) at `at`, where there is room, and returns the offset behind it. */
export function putLong(buffer: Uint8Array, at: number, value: number): number {
  if (value < 0x4000_0000 && value >= -0x4000_0000) {
    let zigzag = (value << 1) ^ (value >> 31);
    while (zigzag > 0x7f) {
      buffer[at++] = (zigzag & 0x7f) | 0x80;
      zigzag >>>= 7;
    }
    buffer[at++] = zigzag;
    return at;
  }
  // Zigzag is 2m for value = m >= 0 and 2m + 1 for value = -m - 1. It may pass 2^53, so it is never made as one number.
  const sign = value < 0 ? 1 : 0;
  const magnitude = sign === 1 ? -value - 1 : value;
  const low = magnitude % 0x800_0000; // 27 bits; with the sign, four groups of 7
  let high = (magnitude - low) / 0x800_0000;
  const first = low * 2 + sign;
  buffer[at] = (first & 0x7f) | 0x80;
  buffer[at + 1] = ((first >>> 7) & 0x7f) | 0x80;
  buffer[at + 2] = ((first >>> 14) & 0x7f) | 0x80;
  buffer[at + 3] = ((first >>> 21) & 0x7f) | 0x80;
  at += 4;
  while (high > 0x7f) {
    buffer[at++] = (high & 0x7f) | 0x80;
    high >>>= 7;
  }
  buffer[at++] = high;
  return at;
}

export function writeLong(writer: ByteWriter, value: number): void {
  writer.ensure(LONG_BYTES_MAX);
  writer.length = putLong(writer.buffer, writer.length, value);
}

/**
 * @throws RecordError when the bytes end inside the number, when it has more than 10 bytes, or when it is no safe integer.
 */
export function readLong(reader: ByteReader): number {
  const buffer = reader.buffer;
  const end = reader.end;
  let at = reader.offset;
  let low = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (at >= end) throw truncated(reader, 'a number');
    const byte = buffer[at++]!;
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      reader.offset = at;
      return (low >>> 1) ^ -(low & 1);
    }
  }
  let high = 0;
  let scale = 1;
  for (let i = 0; i < 6; i++) {
    if (at >= end) throw truncated(reader, 'a number');
    const byte = buffer[at++]!;
    high += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) {
      const magnitude = high * 0x800_0000 + (low >>> 1);
      const value = (low & 1) === 0 ? magnitude : -magnitude - 1;
      if (!Number.isSafeInteger(value)) {
        throw new RecordError(`offset ${reader.offset}: expected an integer within 2^53, found about ${value}`);
      }
      reader.offset = at;
      return value;
    }
  }
  throw new RecordError(`offset ${reader.offset}: expected a number of at most 10 bytes`);
}

/** Moves past a number of any size without making it. */
export function skipLong(reader: ByteReader): void {
  const start = reader.offset;
  let at = start;
  do {
    if (at >= reader.end) throw truncated(reader, 'a number');
    if (at - start >= 10) throw new RecordError(`offset ${start}: expected a number of at most 10 bytes`);
  } while (reader.buffer[at++]! >= 0x80);
  reader.offset = at;
}

/** Reads a length, which must not pass the end. */
export function readLength(reader: ByteReader): number {
  const length = readLong(reader);
  if (length < 0 || length > reader.end - reader.offset) {
    throw new RecordError(`offset ${reader.offset}: expected ${length} bytes, found ${reader.end - reader.offset}`);
  }
  return length;
}

export function writeString(writer: ByteWriter, value: string): void {
  const byteCount = Buffer.byteLength(value);
  writeLong(writer, byteCount);
  const at = writer.reserve(byteCount);
  writer.buffer.write(value, at, byteCount, 'utf8');
}

export function readString(reader: ByteReader): string {
  const length = readLength(reader);
  const at = reader.offset;
  reader.offset = at + length;
  return reader.buffer.toString('utf8', at, at + length);
}

export function writeBytes(writer: ByteWriter, value: Uint8Array): void {
  writeLong(writer, value.length);
  writer.bytes(value);
}

/** A copy, so that it outlives the buffer. */
export function readBytes(reader: ByteReader, length: number): Buffer {
  const at = take(reader, length, 'bytes');
  return Buffer.from(reader.buffer.subarray(at, at + length));
}

export function readDouble(reader: ByteReader): number {
  return reader.view.getFloat64(take(reader, 8, 'a double'), true);
}

export function readFloat(reader: ByteReader): number {
  return reader.view.getFloat32(take(reader, 4, 'a float'), true);
}

export function readBoolean(reader: ByteReader): boolean {
  const at = take(reader, 1, 'a boolean');
  const byte = reader.buffer[at]!;
  if (byte > 1) throw new RecordError(`offset ${at}: expected a boolean, found the byte ${byte}`);
  return byte === 1;
}

/** Moves past `byteCount` bytes and returns where they start. */
export function take(reader: ByteReader, byteCount: number, what: string): number {
  const at = reader.offset;
  if (at + byteCount > reader.end) throw truncated(reader, what);
  reader.offset = at + byteCount;
  return at;
}

function truncated(reader: ByteReader, what: string): RecordError {
  return new RecordError(`offset ${reader.offset}: expected ${what}, found the end of the bytes`);
}

/** Two's complement, big-endian, as few bytes as hold it: Avro's decimal. */
export function decimalToBytes(units: bigint): Buffer {
  let byteCount = 1;
  while (BigInt.asIntN(byteCount * 8, units) !== units) byteCount++;
  return decimalToFixed(units, byteCount);
}

export function decimalToFixed(units: bigint, byteCount: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  let rest = BigInt.asUintN(byteCount * 8, units);
  for (let i = byteCount - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export function bytesToDecimal(bytes: Uint8Array): bigint {
  let units = 0n;
  for (const byte of bytes) units = (units << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, units);
}
