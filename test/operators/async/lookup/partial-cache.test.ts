import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PartialCache } from '../../../../operators/async/lookup/partial-cache.ts';

const limit = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined });
const action = fc.record({
  key: fc.integer({ min: 0, max: 6 }),
  /** Undefined: it is read. */
  rowCount: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
  afterMs: fc.integer({ min: 0, max: 6 }),
});
const sizeOf = (rows: readonly string[]): number => Math.max(1, rows.length);

test('what is found is the newest and has not expired; what is not found has, or had to make room', () => {
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 80, size: 'max' }),
      fc.option(fc.integer({ min: 1, max: 24 }), { nil: undefined }),
      limit,
      limit,
      fc.boolean(),
      (actions, maxRows, expireAfterWrite, expireAfterAccess, cacheMissing) => {
        let nowMs = 0;
        const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, cpuMs: () => 0 };
        const cache = new PartialCache<string>(
          { kind: 'partial', maxRows, expireAfterWrite, expireAfterAccess, cacheMissing },
          clock,
        );
        /** Everything that was ever set, with the largest number of rows that a key has had. */
        const newest = new Map<
          number,
          { rows: readonly string[]; writtenMs: number; usedMs: number; isGone: boolean }
        >();
        const sizes = new Map<number, number>();
        for (const [n, { key, rowCount, afterMs }] of actions.entries()) {
          nowMs += afterMs;
          if (rowCount !== undefined) {
            const rows = Array.from({ length: rowCount }, (_, i) => `${n}.${i}`);
            cache.set(key, rows);
            newest.set(key, { rows, writtenMs: nowMs, usedMs: nowMs, isGone: rowCount === 0 && !cacheMissing });
            sizes.set(key, Math.max(sizes.get(key) ?? 0, sizeOf(rows)));
          }
          const found = cache.get(key);
          const expected = newest.get(key);
          const hasExpired =
            expected !== undefined &&
            (nowMs >= expected.writtenMs + (expireAfterWrite ?? Infinity) ||
              nowMs >= expected.usedMs + (expireAfterAccess ?? Infinity));
          if (found === undefined) {
            const all = [...sizes.values()].reduce((sum, size) => sum + size, 0);
            const fits = rowCount === undefined ? all <= (maxRows ?? Infinity) : rowCount <= (maxRows ?? Infinity);
            expect(expected === undefined || expected.isGone || hasExpired || !fits).toBe(true);
            if (expected !== undefined) expected.isGone = true;
          } else {
            expect(found).toEqual(expected!.rows);
            expect(hasExpired || expected!.isGone).toBe(false);
            expected!.usedMs = nowMs;
          }
          expect(cache.rowCount).toBeLessThanOrEqual(maxRows ?? Infinity);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('a key that is used again and again stays, while others come by once', () => {
  const clock = { nowMs: () => 0, monotonicMs: () => 0, cpuMs: () => 0 };
  const cache = new PartialCache<string>({ kind: 'partial', maxRows: 3 }, clock);
  cache.set('used', ['row']);
  for (let n = 0; n < 100; n++) {
    expect(cache.get('used')).toEqual(['row']);
    cache.set(n, [`row ${n}`]);
  }
  expect(cache.get(99)).toEqual(['row 99']);
  expect(cache.rowCount).toBe(3);
});

test('what has expired is let go, although nobody asks for it', () => {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, cpuMs: () => 0 };
  const cache = new PartialCache<string>({ kind: 'partial', expireAfterWrite: 10 }, clock);
  for (; nowMs < 1_000; nowMs++) cache.set(nowMs, ['row']);
  expect(cache.rowCount).toBe(10);
});

test('what nobody asks for is let go behind a key that is used all the time', () => {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, cpuMs: () => 0 };
  const cache = new PartialCache<string>({ kind: 'partial', expireAfterAccess: 10 }, clock);
  cache.set('used', ['row']);
  for (; nowMs < 1_000; nowMs++) {
    expect(cache.get('used')).toEqual(['row']);
    cache.set(nowMs, ['row']);
  }
  expect(cache.rowCount).toBeLessThanOrEqual(22);
});
