import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyImage } from '../../../state/keyed/key-image.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { TimeIndex } from '../../../state/keyed/time-index.ts';

const START_MS = 1_767_225_600_000;

test('law: whatever is due comes out, in order, however adding and draining alternate', () => {
  const round = fc.record({
    // Around the widths of the buckets: 1 s, 65 s, 70 min.
    delaysMs: fc.array(fc.oneof(fc.nat(2_000), fc.nat(140_000), fc.nat(9_000_000)), { maxLength: 12 }),
    advanceMs: fc.oneof(fc.nat(2_000), fc.nat(70_000), fc.nat(5_000_000)),
  });
  fc.assert(
    fc.property(fc.array(round, { minLength: 1, maxLength: 12 }), (rounds) => {
      const index = new TimeIndex(new KeyImage());
      const keys: Key[] = [];
      let nowMs = START_MS;
      let open: number[] = [];
      for (const { delaysMs, advanceMs } of rounds) {
        for (const delayMs of delaysMs) {
          index.add(nowMs + 1 + delayMs, `at ${nowMs + 1 + delayMs}`);
          open.push(nowMs + 1 + delayMs);
        }
        nowMs += advanceMs;
        open.sort((a, b) => a - b);
        expect(index.firstMs()).toBe(open[0]);
        const drained: [number, Key][] = [];
        while (index.collect(nowMs, 8, keys)) {
          for (let n = keys.length; n > 0 && index.next(nowMs); n--) drained.push([index.timestampMs, index.key]);
        }
        const due = open.filter((timestampMs) => timestampMs <= nowMs);
        expect(drained).toEqual(due.map((timestampMs) => [timestampMs, `at ${timestampMs}`]));
        open = open.slice(due.length);
      }
    }),
    { numRuns: 300 },
  );
});
