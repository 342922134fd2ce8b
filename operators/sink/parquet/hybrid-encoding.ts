import type { ByteWriter } from '../../../engine/base/bytes.ts';

/*
 * Parquet's RLE / bit-packed hybrid. A run is either
 *   varint(count << 1), value in ceil(bitWidth / 8) bytes, little-endian: one value `count` times, or
 *   varint(groups << 1 | 1), groups * bitWidth bytes: 8 values per group, bit-packed from the lowest bit up.
 */

/** Shorter runs of equal values are bit-packed with their neighbours. */
const RUN_VALUES_MIN = 8;

/** Appends values of `bitWidth` bits (0 to 24) in [0, count). */
export function writeHybrid(
  writer: ByteWriter,
  values: Uint8Array | Int32Array,
  count: number,
  bitWidth: number,
): void {
  let at = 0;
  let packedFrom = 0;
  while (at < count) {
    const value = values[at]!;
    let runEnd = at + 1;
    while (runEnd < count && values[runEnd] === value) runEnd++;
    if (runEnd - at < RUN_VALUES_MIN) {
      // Groups of 8 only: the last one may reach past this run.
      at = Math.min(count, at + 8);
      continue;
    }
    writePacked(writer, values, packedFrom, at, bitWidth);
    writeRun(writer, value, runEnd - at, bitWidth);
    at = runEnd;
    packedFrom = runEnd;
  }
  writePacked(writer, values, packedFrom, count, bitWidth);
}

/** Bits needed for values in [0, maxValue]. */
export function bitWidthOf(maxValue: number): number {
  return maxValue === 0 ? 0 : 32 - Math.clz32(maxValue);
}

function writeRun(writer: ByteWriter, value: number, count: number, bitWidth: number): void {
  writeVarint(writer, count * 2);
  for (let shift = 0; shift < bitWidth; shift += 8) writer.u8((value >>> shift) & 0xff);
}

function writePacked(
  writer: ByteWriter,
  values: Uint8Array | Int32Array,
  from: number,
  to: number,
  bitWidth: number,
): void {
  if (to === from) return;
  const groupCount = Math.ceil((to - from) / 8);
  writeVarint(writer, groupCount * 2 + 1);
  const byteCount = groupCount * bitWidth;
  let out = writer.reserve(byteCount);
  const end = out + byteCount;
  const buffer = writer.buffer;
  let bits = 0;
  let bitCount = 0;
  // Hot: at most 7 + 24 bits are held, so that they fit into 32.
  for (let i = from; i < to; i++) {
    bits |= values[i]! << bitCount;
    bitCount += bitWidth;
    while (bitCount >= 8) {
      buffer[out++] = bits & 0xff;
      bits >>>= 8;
      bitCount -= 8;
    }
  }
  if (bitCount > 0 && out < end) buffer[out++] = bits & 0xff;
  buffer.fill(0, out, end);
}

export function writeVarint(writer: ByteWriter, value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    writer.u8((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  writer.u8(rest);
}
