import fc from 'fast-check';
import kafkajsMurmur2 from 'kafkajs/src/producer/partitioners/default/murmur2.js';
import { expect, test } from 'vitest';
import { murmur2, partitionOfKey } from '../../../operators/kafka/murmur2.ts';
import javaClient from './fixtures/java-client.json' with { type: 'json' };

test('keys hash as the Java client hashes them', () => {
  const found = Object.keys(javaClient.murmur2).map((key) => [key, murmur2(Buffer.from(key))]);
  expect(Object.fromEntries(found)).toEqual(javaClient.murmur2);
});

test('any bytes hash as kafkajs hashes them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(murmur2(bytes)).toBe(kafkajsMurmur2(Buffer.from(bytes)));
    }),
  );
});

test('a part of a buffer hashes as if it stood alone, and falls into a partition', () => {
  const bytes = Buffer.from('xxuser-12345yy');
  expect(murmur2(bytes, 2, 12)).toBe(javaClient.murmur2['user-12345']);
  expect(partitionOfKey(8, bytes, 2, 12)).toBe((javaClient.murmur2['user-12345'] & 0x7fff_ffff) % 8);
});
