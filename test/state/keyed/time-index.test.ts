import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyImage } from '../../../state/keyed/key-image.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { Page } from '../../../state/keyed/page.ts';
import { StoreAreas } from '../../../state/keyed/store-areas.ts';
import { TimeIndex } from '../../../state/keyed/time-index.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import type { PageWrite } from '../../../state/store/page-store.ts';

const START_MS = 1_767_225_600_000;

const round = fc.record({
  // Around the widths of the buckets: 1 s, 65 s, 70 min, 3 days.
  delaysMs: fc.array(fc.oneof(fc.nat(2_000), fc.nat(140_000), fc.nat(9_000_000), fc.nat(600_000_000)), {
    maxLength: 12,
  }),
  // Some are registered for the past.
  pastMs: fc.array(fc.nat(5_000), { maxLength: 3 }),
  // Some of the times are for pages instead of keys.
  pageEvery: fc.constantFrom(1, 2, 5),
  advanceMs: fc.oneof(fc.nat(2_000), fc.nat(70_000), fc.nat(5_000_000), fc.nat(700_000_000)),
  spillBytes: fc.constantFrom(0, 0, 300, 1_000_000),
  chunkFiller: fc.constantFrom('', 'x'.repeat(200)),
});

test('law: whatever is due comes out, in order, however adding, spilling and draining alternate', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 15 }), async (rounds) => {
      const index = new TimeIndex(new KeyImage(), 0);
      const areas = new StoreAreas(1);
      const store = new HeapPageStore();
      let nowMs = START_MS;
      let open: number[] = [];
      for (const { delaysMs, pastMs, pageEvery, advanceMs, spillBytes, chunkFiller } of rounds) {
        for (const timestampMs of [...delaysMs.map((ms) => nowMs + 1 + ms), ...pastMs.map((ms) => nowMs - ms)]) {
          const page = new Page([]);
          page.key = `at ${timestampMs}${chunkFiller}`;
          if (open.length % pageEvery > 0 || !index.addPage(timestampMs, page)) index.add(timestampMs, page.key);
          open.push(timestampMs);
        }
        const batch: PageWrite[] = [];
        if (spillBytes > 0) index.spill(spillBytes, batch, areas);
        await store.write(batch);
        nowMs += advanceMs;
        open.sort((a, b) => a - b);
        if (open.length > 0) expect(index.firstMs()).toBeLessThanOrEqual(open[0]!);
        else expect(index.firstMs()).toBeUndefined();
        const drained: [number, Key][] = [];
        while (index.collect(nowMs)) {
          if (index.isWaiting) await index.load(store, areas);
          while (index.next(nowMs)) {
            const key = (index.page?.key ?? index.takenKey()) as string;
            drained.push([index.timestampMs, key.replace(/x*$/, '')]);
          }
        }
        const due = open.filter((timestampMs) => timestampMs <= nowMs);
        expect(drained).toEqual(due.map((timestampMs) => [timestampMs, `at ${timestampMs}`]));
        open = open.slice(due.length);
        expect(index.count).toBe(open.length);
      }
      // Nothing is left behind in memory or in the store.
      const last = Math.max(nowMs, ...open);
      while (index.collect(last)) {
        if (index.isWaiting) await index.load(store, areas);
        while (index.next(last));
      }
      expect(index.byteLength).toBe(0);
      expect(store.memoryBytes()).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test('an advance of a second deals a part of the next wide bucket, not all of it at its end', () => {
  const index = new TimeIndex(new KeyImage(), 0);
  const wideMs = 2 ** 16;
  const start = Math.ceil(START_MS / wideMs) * wideMs;
  index.add(start, 'first');
  expect(index.collect(start)).toBe(true);
  while (index.next(start));
  // One a second until the next wide bucket, and very many in it.
  for (let ms = 1000; ms < wideMs; ms += 1000) index.add(start + ms, 'tick');
  for (let i = 0; i < 300_000; i++) index.add(start + wideMs + (i % wideMs), `key-${i}`);
  let most = 0;
  for (let ms = 1000; ms < wideMs + 2000; ms += 1000) {
    const before = index.dealtBytes;
    while (index.collect(start + ms)) while (index.next(start + ms));
    most = Math.max(most, index.dealtBytes - before);
  }
  expect(most).toBeLessThan(index.dealtBytes / 3);
});

test('the earliest entry is told, however far', () => {
  const index = new TimeIndex(new KeyImage(), 0);
  expect(index.firstMs()).toBeUndefined();
  index.add(9_007_199_254_740_807, 'end of time');
  expect(index.firstMs()).toBe(9_007_199_254_740_807);
  index.add(-9_007_199_254_740_808, 'start of time');
  index.add(START_MS, 'now');
  expect(index.firstMs()).toBe(-9_007_199_254_740_808);
  expect(index.collect(START_MS)).toBe(true);
  const keys: Key[] = [];
  while (index.next(START_MS)) keys.push(index.takenKey());
  while (index.collect(START_MS)) while (index.next(START_MS)) keys.push(index.takenKey());
  expect(keys).toEqual(['start of time', 'now']);
});

test('pages come out between keys, in order of time, those of one time as they were added', () => {
  const index = new TimeIndex(new KeyImage(), 0);
  const pageOf = (key: string): Page => {
    const page = new Page([]);
    page.key = key;
    return page;
  };
  // Not before there is a now: the first timer may be a day ahead.
  expect(index.addPage(START_MS + 30, pageOf('unknown'))).toBe(false);
  expect(index.collect(START_MS)).toBe(false);
  index.add(START_MS + 10, 'second');
  expect(index.addPage(START_MS + 30, pageOf('fourth'))).toBe(true);
  expect(index.addPage(START_MS + 10, pageOf('third'))).toBe(true);
  expect(index.addPage(START_MS + 5, pageOf('first'))).toBe(true);
  index.add(START_MS + 40, 'fifth');
  // Nothing that is far off.
  expect(index.addPage(START_MS + 86_400_000, pageOf('tomorrow'))).toBe(false);
  const keys: Key[] = [];
  expect(index.collect(START_MS + 40)).toBe(true);
  while (index.next(START_MS + 40)) keys.push(index.page?.key ?? index.takenKey());
  expect(keys).toEqual(['first', 'second', 'third', 'fourth', 'fifth']);
  expect(index.count).toBe(0);
});
