import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '../../../operators/kafka/crc32c.ts';

test('the check value of the algorithm', () => {
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe306_9283);
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a91_36aa);
  expect(crc32c(Buffer.alloc(32, 0xff), 0, 32)).toBe(0x62a8_ab43);
});

test('any range of any bytes has the checksum that bit-by-bit division gives', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(40), fc.nat(40), (bytes, from, leftOut) => {
      const start = Math.min(from, bytes.length);
      const end = Math.max(start, bytes.length - leftOut);
      expect(crc32c(bytes, start, end)).toBe(slowCrc32c(bytes.subarray(start, end)));
    }),
    { numRuns: 500 },
  );
});

function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}
