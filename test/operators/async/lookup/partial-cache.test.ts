import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PartialCache } from '../../../../operators/async/lookup/partial-cache.ts';

interface Kept {
  readonly key: number;
  readonly rows: readonly string[];
  readonly writtenMs: number;
  usedMs: number;
}

/** The same as one list, the least recently used first, searched from the start each time. */
class Model {
  readonly #options: { rowsMax: number; writeMs: number; accessMs: number; cachesMissing: boolean };
  #kept: Kept[] = [];

  constructor(options: { rowsMax: number; writeMs: number; accessMs: number; cachesMissing: boolean }) {
    this.#options = options;
  }

  get(key: number, nowMs: number): readonly string[] | undefined {
    this.#forget(nowMs);
    const entry = this.#kept.find((kept) => kept.key === key);
    if (entry === undefined) return undefined;
    this.#kept = [...this.#kept.filter((kept) => kept !== entry), { ...entry, usedMs: nowMs }];
    return entry.rows;
  }

  set(key: number, rows: readonly string[], nowMs: number): void {
    this.#kept = this.#kept.filter((kept) => kept.key !== key);
    const { rowsMax, cachesMissing } = this.#options;
    if ((rows.length === 0 && !cachesMissing) || Math.max(1, rows.length) > rowsMax) return;
    this.#forget(nowMs);
    this.#kept.push({ key, rows, writtenMs: nowMs, usedMs: nowMs });
    const sizeOf = (): number => this.#kept.reduce((sum, kept) => sum + Math.max(1, kept.rows.length), 0);
    while (sizeOf() > rowsMax) this.#kept.shift();
  }

  #forget(nowMs: number): void {
    const { writeMs, accessMs } = this.#options;
    this.#kept = this.#kept.filter(({ writtenMs, usedMs }) => nowMs < writtenMs + writeMs && nowMs < usedMs + accessMs);
  }
}

const limit = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined });
const action = fc.record({
  key: fc.integer({ min: 0, max: 6 }),
  /** Undefined: it is read. */
  rowCount: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
  afterMs: fc.integer({ min: 0, max: 6 }),
});

test('what is found, and what has gone, is what a plain list says', () => {
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 60 }),
      fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
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
        const model = new Model({
          rowsMax: maxRows ?? Infinity,
          writeMs: expireAfterWrite ?? Infinity,
          accessMs: expireAfterAccess ?? Infinity,
          cachesMissing: cacheMissing,
        });
        // Expired entries take room until they are met; the order of eviction shows only where nothing expires.
        const isComparable =
          maxRows === undefined || (expireAfterWrite === undefined && expireAfterAccess === undefined);
        for (const [n, { key, rowCount, afterMs }] of actions.entries()) {
          nowMs += afterMs;
          if (rowCount === undefined) {
            const found = cache.get(key);
            const expected = model.get(key, nowMs);
            if (isComparable) expect(found).toEqual(expected);
            else if (found !== undefined) expect(found).toEqual(expected);
          } else {
            const rows = Array.from({ length: rowCount }, (_, i) => `${n}.${i}`);
            cache.set(key, rows);
            model.set(key, rows, nowMs);
          }
          expect(cache.rowCount).toBeLessThanOrEqual(maxRows ?? Infinity);
        }
      },
    ),
    { numRuns: 500 },
  );
});
