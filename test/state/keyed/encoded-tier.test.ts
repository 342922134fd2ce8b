import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { BloomFilter } from '../../../state/keyed/bloom-filter.ts';
import { EncodedTier } from '../../../state/keyed/encoded-tier.ts';
import { hashOfKey, readKey } from '../../../state/keyed/key-image.ts';
import { PageCodec } from '../../../state/keyed/page-codec.ts';
import { Page } from '../../../state/keyed/page.ts';
import { ENTRY_HEADER_BYTES, offsetOf } from '../../../state/keyed/segment.ts';
import { SlabIndex } from '../../../state/keyed/slab-index.ts';
import { StoreAreas } from '../../../state/keyed/store-areas.ts';
import { string } from '../../../state/schema/scalars.ts';
import type { PageWrite } from '../../../state/store/page-store.ts';

function testCreateTier(bytesMax: number): { tier: EncodedTier; spilled: Map<string, number> } {
  const codec = new PageCodec('tested');
  codec.declare({ kind: 'value', name: 'text', schema: string() });
  expect(codec.currentFormat).toBe(0);
  const log = { keyGroupStart: 0, keyGroupEnd: 128, partBytesMax: 1 << 30, write: () => Promise.resolve([]) };
  const tier = new EncodedTier({ codec, areas: new StoreAreas(7), maxParallelism: 128, bytesMax, log });
  return { tier, spilled: new Map() };
}

function testCreatePage(key: string, text: string | undefined): Page {
  const page = new Page([text]);
  page.key = key;
  page.hash = hashOfKey(key);
  page.isDirty = true;
  return page;
}

function read(tier: EncodedTier, key: string): string | undefined {
  tier.image.set(key);
  const ref = tier.find();
  if (ref === 0) return undefined;
  const page = testCreatePage(key, undefined);
  tier.read(ref, page, true);
  return page.slots[0] as string | undefined;
}

/** Takes a snapshot: the keys that it has, in no order. */
function testChanges(tier: EncodedTier): string[] {
  const { cut } = tier.cut();
  const keys: string[] = [];
  for (let changes = cut.next(1); changes !== undefined; changes = cut.next(1)) {
    for (const ref of changes.refs.subarray(0, changes.count)) {
      const segment = changes.segmentOf(ref);
      const offset = offsetOf(ref) + ENTRY_HEADER_BYTES;
      keys.push(String(readKey(segment.buffer, offset, segment.keyLengthAt(offsetOf(ref)))));
    }
    cut.pass();
  }
  tier.endCut();
  tier.completedEpoch = cut.epoch;
  cut.forEachTombstone(0, cut.tombstoneCount, (ref) => tier.forget(ref));
  cut.end();
  return keys;
}

test('what is written is read, the last write counts, and nothing else is found', () => {
  const { tier } = testCreateTier(10 << 20);
  const model = new Map<string, string>();
  for (let i = 0; i < 20_000; i++) {
    const key = `key-${(i * 7919) % 5000}`;
    const text = `value ${i} ${'x'.repeat(i % 300)}`;
    tier.write(testCreatePage(key, text), false);
    model.set(key, text);
  }
  for (const [key, text] of model) expect(read(tier, key)).toBe(text);
  expect(read(tier, 'key-5000')).toBeUndefined();
  expect(tier.size).toBe(5000);
});

test('a tombstone is not forgotten where another segment has taken its place', () => {
  const { tier } = testCreateTier(64 << 20);
  const keyOf = (i: number): string => `key-${String(i).padStart(6, '0')}`;
  const write = (i: number, text: string | undefined): void => {
    tier.write(testCreatePage(keyOf(i), text), false);
  };
  write(0, 'v0');
  testChanges(tier);
  write(0, undefined);
  const { cut } = tier.cut();
  for (let changes = cut.next(1); changes !== undefined; changes = cut.next(1)) cut.pass();
  cut.pass();
  tier.endCut();
  tier.completedEpoch = cut.epoch;
  expect(cut.tombstoneCount).toBe(1);
  // Everything moves on: segments are freed, and their numbers are given to others.
  const count = 10_000;
  for (let round = 0; round < 3; round++) for (let i = 0; i < count; i++) write(i, `v${round}`);
  cut.forEachTombstone(0, cut.tombstoneCount, (ref) => tier.forget(ref));
  cut.end();
  for (let i = 0; i < count; i++) expect(read(tier, keyOf(i)), keyOf(i)).toBe('v2');
});

test('pages larger than a segment come back whole', () => {
  const { tier } = testCreateTier(100_000);
  for (const size of [1000, 5000, 100_000, 3_000_000]) tier.write(testCreatePage(`k${size}`, 'é'.repeat(size)), false);
  tier.write(testCreatePage('after', 'small'), false);
  for (const size of [1000, 5000, 100_000, 3_000_000]) expect(read(tier, `k${size}`)).toBe('é'.repeat(size));
  expect(read(tier, 'after')).toBe('small');
});

test('pages larger than what segments begin with come back whole, written or restored', () => {
  for (const bytesMax of [1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20]) {
    const { tier } = testCreateTier(bytesMax);
    const texts = new Map<string, string>();
    const encoded = new ByteWriter(64);
    const codec = new PageCodec('tested');
    codec.declare({ kind: 'value', name: 'text', schema: string() });
    void codec.currentFormat;
    for (const [i, size] of [10, 66_000, 30_000, 100_000, 180_000, 250_000, 400_000, 10, 70_000].entries()) {
      const text = String.fromCharCode(97 + i).repeat(size);
      texts.set(`written-${i}`, text).set(`restored-${i}`, text);
      tier.write(testCreatePage(`written-${i}`, text), false);
      encoded.clear();
      codec.write(encoded, testCreatePage('', text));
      tier.image.set(`restored-${i}`);
      tier.add(tier.image.groupHash % 128, encoded.buffer, 0, encoded.length, 0, 0);
    }
    for (const [key, text] of texts) expect(read(tier, key) === text, `${key}, ${bytesMax} bytes`).toBe(true);
  }
});

test('over budget, everything is in memory or was spilled, and memory stays near the budget', () => {
  const budget = 400_000;
  const { tier } = testCreateTier(budget);
  const model = new Map<string, string>();
  const spilled = new Set<string>();
  const onSpill = (batch: readonly PageWrite[]): void => {
    for (const { key, value } of batch) {
      // Area 0: pages.
      if (key[2] === 0 && value !== undefined) spilled.add(Buffer.from(key.subarray(10)).toString('latin1'));
    }
  };
  for (let i = 0; i < 30_000; i++) {
    const key = `key-${i % 9000}`;
    const text = `value ${i} ${'y'.repeat(i % 50)}`;
    tier.write(testCreatePage(key, text), false);
    model.set(key, text);
    if (i % 100 === 0) {
      tier.shrink(onSpill);
      expect(tier.byteLength).toBeLessThanOrEqual(budget);
    }
  }
  let found = 0;
  for (const [key, text] of model) {
    const value = read(tier, key);
    if (value === undefined) expect(spilled.has(key), key).toBe(true);
    else {
      found++;
      expect(value).toBe(text);
    }
  }
  expect(found).toBeGreaterThan(100);
  for (const key of spilled) expect(tier.mayBeSpilled(hashOfKey(key))).toBe(true);
});

test('an empty page that nobody knows of leaves nothing behind', () => {
  const { tier } = testCreateTier(1 << 20);
  tier.write(testCreatePage('a', 'text'), false);
  tier.write(testCreatePage('a', undefined), false);
  expect(tier.size).toBe(0);
  expect(testChanges(tier)).toEqual([]);
});

test('an empty page of which a checkpoint may know leaves a tombstone until the next one', () => {
  const { tier } = testCreateTier(1 << 20);
  tier.write(testCreatePage('a', 'text'), false);
  testChanges(tier);
  tier.write(testCreatePage('a', undefined), false);
  expect(read(tier, 'a')).toBeUndefined();
  expect(tier.size).toBe(1);
  expect(testChanges(tier)).toEqual(['a']);
  expect(tier.size).toBe(0);
});

test('changes are what was written since the last complete checkpoint, once per key', () => {
  const { tier } = testCreateTier(1 << 20);
  for (const key of ['a', 'b', 'c']) tier.write(testCreatePage(key, key), false);
  expect(testChanges(tier).toSorted()).toEqual(['a', 'b', 'c']);
  tier.write(testCreatePage('b', 'new'), false);
  tier.write(testCreatePage('b', 'newer'), false);
  expect(testChanges(tier)).toEqual(['b']);
});

test('the index does what a map does', () => {
  const hash = fc.constantFrom(0, 1, 2, -1, 0x01000000, 0x01000001, 0x7fffffff);
  const step = fc.record({ do: fc.constantFrom('put', 'put', 'remove', 'move'), hash, key: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      // Refs name their key: ref % 8.
      let wanted = 0;
      const index = new SlabIndex({ isMatch: (ref) => ref % 8 === wanted });
      const model = new Map<string, number>();
      let nextRef = 8;
      for (const { do: action, hash, key } of steps) {
        const id = `${hash}/${key}`;
        wanted = key;
        const before = model.get(id) ?? 0;
        expect(index.find(hash)).toBe(before);
        const ref = nextRef + key;
        nextRef += 8;
        if (action === 'put') {
          expect(index.put(hash, ref)).toBe(before);
          model.set(id, ref);
        } else if (before !== 0 && action === 'remove') {
          index.remove(hash, before);
          model.delete(id);
        } else if (before !== 0) {
          index.move(hash, before, ref);
          model.set(id, ref);
        }
        expect(index.size).toBe(model.size);
      }
    }),
  );
});

test('the bloom filter never says no wrongly, and seldom yes', () => {
  const filter = new BloomFilter();
  expect(filter.has(1)).toBe(false);
  const count = 100_000;
  for (let i = 0; i < count; i++) filter.add(hashOfKey(`in-${i}`));
  for (let i = 0; i < count; i++) expect(filter.has(hashOfKey(`in-${i}`))).toBe(true);
  let wrong = 0;
  for (let i = 0; i < count; i++) if (filter.has(hashOfKey(`out-${i}`))) wrong++;
  expect(wrong / count).toBeLessThan(0.01);
});
