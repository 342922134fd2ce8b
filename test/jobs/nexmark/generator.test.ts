import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { NexmarkGenerator } from '../../../jobs/nexmark/generator/nexmark-generator.ts';
import { SplitMix } from '../../../jobs/nexmark/generator/split-mix.ts';
import { NexmarkEvent } from '../../../jobs/nexmark/schemas.ts';
import { lengthPrefixedAvroEncoder } from '../../../operators/format/avro/length-prefixed-avro.ts';

const GAMMA = 0x9e3779b97f4a7c15n;
const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

/** The same numbers by bigints. */
class BigSplitMix {
  #state = 0n;

  reseed(seed: number, event: number): void {
    this.#state = BigSplitMix.mix(wrap(BigInt(seed)) ^ BigSplitMix.mix(wrap(BigInt(event) * GAMMA + 1n)));
  }

  next(): bigint {
    this.#state = wrap(this.#state + GAMMA);
    return BigSplitMix.mix(this.#state);
  }

  static mix(value: bigint): bigint {
    let mixed = wrap((value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = wrap((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return mixed ^ (mixed >> 31n);
  }
}

test('law: random numbers are those of 64-bit arithmetic', () => {
  const bound = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 2 ** 30 }));
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), fc.array(fc.option(bound)), (seed, event, bounds) => {
      const random = new SplitMix();
      const expected = new BigSplitMix();
      random.reseed(seed, event);
      expected.reseed(seed, event);
      for (const below of bounds) {
        const next = expected.next();
        if (below === null) expect(random.unit()).toBe(Number(next >> 11n) / 2 ** 53);
        else expect(random.below(below)).toBe(Number(((next >> 1n) * BigInt(below) * 2n) >> 64n));
      }
    }),
  );
});

/** Of the first events that another implementation of the same formulas has written, each with its length before it. */
const SHA256_OF_10_000 = 'c0fe8d142dd055efaa1f1b868f2c481eae35437754919ff379706d2f8a90640c';

test('events are byte by byte those of other implementations of the formulas', () => {
  const generator = new NexmarkGenerator({ tps: 2000, seed: 1 });
  const writer = new ByteWriter();
  const encoder = lengthPrefixedAvroEncoder(NexmarkEvent);
  for (let number = 0; number < 10_000; number++) encoder.encode(writer, generator.eventAt(number));
  expect(createHash('sha256').update(writer.written()).digest('hex')).toBe(SHA256_OF_10_000);
});

test('an event does not depend on those before it, and comes out of order within its group only', () => {
  const inOrder = new NexmarkGenerator({ seed: 7 });
  const events = Array.from({ length: 200 }, (_, number) => inOrder.eventAt(number));
  expect(new NexmarkGenerator({ seed: 7 }).eventAt(137)).toEqual(events[137]);
  expect(new NexmarkGenerator({ seed: 8 }).eventAt(137)).not.toEqual(events[137]);
  const disordered = new NexmarkGenerator({ seed: 7, disorderGroup: 50 });
  const shuffled = Array.from({ length: 200 }, (_, number) => disordered.eventAt(number));
  expect(shuffled).not.toEqual(events);
  for (let group = 0; group < 200; group += 50)
    expect(new Set(shuffled.slice(group, group + 50).map(textOf))).toEqual(
      new Set(events.slice(group, group + 50).map(textOf)),
    );
});

function textOf(event: NexmarkEvent): string {
  return JSON.stringify(event);
}
