import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { bytesToDecimal, decimalToBytes, readLong, skipLong, writeLong } from '../../../state/schema/avro-binary.ts';
import { long } from '../../../state/schema/scalars.ts';

/** Zigzag and base 128 by the book, in bigints. */
function longBytes(value: number): Buffer {
  const big = BigInt(value);
  let zigzag = big >= 0n ? big * 2n : -big * 2n - 1n;
  const bytes: number[] = [];
  do {
    bytes.push(Number(zigzag & 0x7fn) | (zigzag > 0x7fn ? 0x80 : 0));
    zigzag >>= 7n;
  } while (zigzag > 0n);
  return Buffer.from(bytes);
}

const edges = [0, 6, 7, 13, 14, 20, 21, 27, 28, 29, 30, 31, 32, 34, 35, 41, 42, 48, 49, 52, 53].flatMap((bits) =>
  [-1, 0, 1].flatMap((delta) => [2 ** bits + delta, -(2 ** bits) + delta]),
);

test('longs have the bytes of the specification and come back, the largest safe integers too', () => {
  const numbers = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(...edges.filter(Number.isSafeInteger)));
  fc.assert(
    fc.property(numbers, (value) => {
      const writer = new ByteWriter(1);
      writeLong(writer, value);
      expect(writer.copy()).toEqual(longBytes(value));
      const reader = new ByteReader(writer.copy());
      expect(readLong(reader)).toBe(value === 0 ? 0 : value);
      expect(reader.remaining).toBe(0);
      expect(long().decode(new ByteReader(writer.copy()))).toBe(value === 0 ? 0 : value);
      const skipping = new ByteReader(writer.copy());
      skipLong(skipping);
      expect(skipping.remaining).toBe(0);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['2^53', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
  ['the smallest long of 64 bits', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
])('%s is no safe integer and refused', (_, bytes) => {
  expect(() => readLong(new ByteReader(Buffer.from(bytes)))).toThrow('expected an integer within 2^53');
});

test('a number of more than 10 bytes is refused', () => {
  const bytes = Buffer.alloc(12, 0xff);
  expect(() => readLong(new ByteReader(bytes))).toThrow('at most 10 bytes');
  expect(() => skipLong(new ByteReader(bytes))).toThrow('at most 10 bytes');
});

test('decimals are minimal two’s complement', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }), (units) => {
      const bytes = decimalToBytes(units);
      expect(bytesToDecimal(bytes)).toBe(units);
      if (bytes.length > 1) expect(bytesToDecimal(bytes.subarray(1))).not.toBe(units);
    }),
  );
});
