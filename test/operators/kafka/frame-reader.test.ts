import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader } from '../../../operators/kafka/frame-reader.ts';

test('answers come out whole however the stream is cut, and from a buffer that is overwritten', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 4, maxLength: 100 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1 }),
      (answers, cuts) => {
        const stream = Buffer.concat(
          answers.map((answer) => {
            const size = Buffer.alloc(4);
            size.writeInt32BE(answer.length);
            return Buffer.concat([size, answer]);
          }),
        );
        const found: Buffer[] = [];
        const reader = new FrameReader((frame) => void found.push(frame));
        const shared = Buffer.alloc(70);
        for (let at = 0, i = 0; at < stream.length; i++) {
          const byteCount = stream.copy(shared, 0, at, Math.min(stream.length, at + cuts[i % cuts.length]!));
          reader.push(shared.subarray(0, byteCount));
          shared.fill(0xee);
          at += byteCount;
        }
        expect(found).toEqual(answers.map((answer) => Buffer.from(answer)));
      },
    ),
  );
});

test('what is not an answer of Kafka is refused before memory is taken for it', () => {
  for (const bytes of [Buffer.from('HTTP/1.1 400'), Buffer.from([0x15, 3, 3, 0, 2, 2, 50]), Buffer.alloc(8, 0xff)]) {
    const reader = new FrameReader(() => {});
    expect(() => reader.push(bytes)).toThrow("is none of Kafka's");
  }
});
