import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compositeKey,
  defaultMaxParallelism,
  javaHashCode,
  keyGroupOf,
  keyGroupRange,
  murmurHash,
  subtaskOfKeyGroup,
} from '../../../state/keyed/key-group.ts';
import { KeyImage, readKey } from '../../../state/keyed/key-image.ts';
import type { Key } from '../../../state/keyed/key.ts';

interface Vector {
  readonly name: string;
  readonly type: 'keyGroup' | 'keyGroupRange' | 'defaultMaxParallelism';
  readonly input: readonly Record<string, unknown>[];
  readonly expect: readonly Record<string, unknown>[];
}

const vectors = JSON.parse(
  readFileSync(new URL('./fixtures/key-group-vectors.json', import.meta.url), 'utf8'),
) as readonly Vector[];

function answer(vector: Vector, input: Record<string, unknown>): Record<string, unknown> {
  if (vector.type === 'keyGroup') {
    const key: Key = input['keyType'] === 'int64' ? BigInt(input['key'] as string) : (input['key'] as Key);
    const group = keyGroupOf(key, 128);
    return {
      javaHashCode: javaHashCode(key),
      murmurHash: murmurHash(javaHashCode(key)),
      keyGroup128: group,
      keyGroup32768: keyGroupOf(key, 32_768),
      subtaskOf4: subtaskOfKeyGroup(group, 4, 128),
      subtaskOf3: subtaskOfKeyGroup(group, 3, 128),
    };
  }
  const parallelism = input['parallelism'] as number;
  if (vector.type === 'defaultMaxParallelism') return { maxParallelism: defaultMaxParallelism(parallelism) };
  const ranges = Array.from({ length: parallelism }, (_, subtask) => {
    const range = keyGroupRange(subtask, parallelism, input['maxParallelism'] as number);
    return [range.start, range.end - 1];
  });
  return { ranges };
}

test.each(vectors.map((vector) => [vector.name, vector] as const))('%s: as Flink computes it', (_, vector) => {
  vector.input.forEach((input, i) => expect(answer(vector, input), JSON.stringify(input)).toEqual(vector.expect[i]));
});

test.each([
  ['', 0, 593689054, 94],
  ['a', 97, 1455541201, 81],
  ['key1', 3288498, 226217641, 41],
  ['hello', 99162322, 1715862179, 35],
  [1, 1, 68075478, 86],
  [42, 42, 1134849565, 29],
  [-1, -1, 1982413648, 80],
] as const)('key %j hashes to %i, %i and group %i of 128', (key, code, murmur, group) => {
  expect([javaHashCode(key), murmurHash(javaHashCode(key)), keyGroupOf(key, 128)]).toEqual([code, murmur, group]);
});

test('numbers beyond int32 hash as Long, fractions as Double, booleans as Boolean', () => {
  expect(javaHashCode(6_449_177_687)).toBe(javaHashCode(6_449_177_687n));
  expect(javaHashCode(-6_449_177_687)).toBe(javaHashCode(-6_449_177_687n));
  expect(javaHashCode(1.5)).toBe(0x3ff80000);
  expect([javaHashCode(true), javaHashCode(false)]).toEqual([1231, 1237]);
});

test('what is no key is refused with a hint', () => {
  expect(() => javaHashCode(null as unknown as Key)).toThrow(/expected a key of type string/);
});

const anyKey: fc.Arbitrary<Key> = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
);

test('ranges cover every key group once and agree with subtaskOfKeyGroup', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (maxParallelism, share) => {
        const parallelism = 1 + Math.floor(share * (maxParallelism - 1));
        let next = 0;
        for (let subtask = 0; subtask < parallelism; subtask++) {
          const range = keyGroupRange(subtask, parallelism, maxParallelism);
          expect(range.start).toBe(next);
          for (let group = range.start; group < range.end; group++) {
            expect(subtaskOfKeyGroup(group, parallelism, maxParallelism)).toBe(subtask);
          }
          next = range.end;
        }
        expect(next).toBe(maxParallelism);
      },
    ),
  );
});

test('key bytes round-trip every key, and different keys have different bytes', () => {
  const image = new KeyImage();
  const bytesOf = (key: Key): string => {
    image.set(key);
    return image.buffer.toString('latin1', 0, image.length);
  };
  fc.assert(
    fc.property(anyKey, anyKey, (a, b) => {
      const bytes = Buffer.from(`xx${bytesOf(a)}`, 'latin1');
      expect(image.groupHash).toBe(murmurHash(javaHashCode(a)));
      const same = Object.is(a, -0) ? 0 : a;
      expect(readKey(bytes, 2, bytes.length - 2)).toBe(same);
      if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) expect(bytesOf(a)).not.toBe(bytesOf(b));
    }),
    { numRuns: 500 },
  );
});

test('composite keys tell their parts apart', () => {
  expect(compositeKey('a', 'bc')).not.toBe(compositeKey('ab', 'c'));
  expect(compositeKey(1, '2')).not.toBe(compositeKey('1', 2));
  expect(compositeKey(1n)).not.toBe(compositeKey(1));
  expect(compositeKey('s1:a', true)).not.toBe(compositeKey('s1', ':a', true));
  expect(compositeKey('a', 1)).toBe(compositeKey('a', 1));
});
