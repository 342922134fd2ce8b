/** A row in a join buffer. */
export interface TimedRow<T> {
  readonly timestampMs: number;
  readonly value: T;
}

/** Inserts into rows sorted by timestamp; among equals it comes last. The usual row, the newest, is appended. */
export function insertRow<R extends { readonly timestampMs: number }>(rows: R[], row: R): void {
  const last = rows.length - 1;
  if (last < 0 || rows[last]!.timestampMs <= row.timestampMs) rows.push(row);
  else rows.splice(firstRowAfter(rows, row.timestampMs), 0, row);
}

/** Index of the first row with a timestamp >= `timestampMs`; the length when there is none. */
export function firstRowFrom(rows: readonly { readonly timestampMs: number }[], timestampMs: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle]!.timestampMs < timestampMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first row with a timestamp > `timestampMs`; the length when there is none. */
export function firstRowAfter(rows: readonly { readonly timestampMs: number }[], timestampMs: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows[middle]!.timestampMs <= timestampMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
