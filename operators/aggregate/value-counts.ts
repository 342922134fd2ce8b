import type { DistinctSet } from './compile-aggregates.ts';

/** How often a value is there, by column of its set, after some rows; and under which filters it has come or gone by that. */
export interface CountedValue {
  /** Undefined: nowhere. */
  readonly counts: number[] | undefined;
  readonly come: number;
  readonly gone: number;
}

/** @param by what is added, by column; may be below zero. */
export function changeCounts(
  { columns }: DistinctSet,
  before: readonly number[] | undefined,
  by: readonly number[],
): CountedValue {
  const counts: number[] = [];
  let come = 0;
  let gone = 0;
  let isThere = false;
  for (let at = 0; at < columns.length; at++) {
    const bit = 1 << columns[at]![1];
    const was = before === undefined ? 0 : before[at]!;
    const is = was + by[at]!;
    if (was <= 0 && is > 0) come |= bit;
    if (was > 0 && is <= 0) gone |= bit;
    if (is !== 0) isThere = true;
    counts.push(is);
  }
  return { counts: isThere ? counts : undefined, come, gone };
}

/** What one row adds (`by` 1) to the counts of its value, or takes from them (-1). */
export function countsOfRow({ columns }: DistinctSet, filters: number, by: 1 | -1): number[] {
  return columns.map(([, bit]) => ((filters & (1 << bit)) === 0 ? 0 : by));
}
