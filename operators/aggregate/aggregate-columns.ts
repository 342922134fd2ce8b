/** What can be counted by value. */
export type DistinctValue = string | number | boolean;

/** Which rows a column is about. */
export interface ColumnOptions<T> {
  /** Only rows for which this holds: SQL's FILTER. Pure; the same function in several columns is asked once per row. */
  readonly where?: ((row: T) => boolean) | undefined;
}

type ColumnKind = 'count' | 'sum' | 'avg' | 'min' | 'max' | 'countDistinct';

/** One column of `aggregates(...)`. */
export interface AggregateColumn<T, R> extends ColumnOptions<T> {
  readonly kind: ColumnKind;
  /** What of a row is aggregated; undefined or null values are left out. */
  readonly of: ((row: T) => unknown) | undefined;
  /** Carries the type of the result for inference only; never set. */
  readonly _result?: R;
}

type Maybe<V> = V | undefined | null;

/** The number of rows. */
export function count<T>(options: ColumnOptions<T> = {}): AggregateColumn<T, number> {
  return { kind: 'count', of: undefined, ...options };
}

/** The sum of a number of each row. With `where`, or where the number may be absent: undefined when there is none. */
export function sum<T>(of: (row: T) => number): AggregateColumn<T, number>;
export function sum<T>(
  of: (row: T) => Maybe<number>,
  options?: ColumnOptions<T>,
): AggregateColumn<T, number | undefined>;
export function sum<T>(of: (row: T) => Maybe<number>, options: ColumnOptions<T> = {}): AggregateColumn<T, number> {
  return { kind: 'sum', of, ...options };
}

/** The mean of a number of each row, not rounded. */
export function avg<T>(of: (row: T) => number): AggregateColumn<T, number>;
export function avg<T>(
  of: (row: T) => Maybe<number>,
  options?: ColumnOptions<T>,
): AggregateColumn<T, number | undefined>;
export function avg<T>(of: (row: T) => Maybe<number>, options: ColumnOptions<T> = {}): AggregateColumn<T, number> {
  return { kind: 'avg', of, ...options };
}

/** The smallest number of any row; NaN counts as larger than all others. Cannot take rows back. */
export function min<T>(of: (row: T) => number): AggregateColumn<T, number>;
export function min<T>(
  of: (row: T) => Maybe<number>,
  options?: ColumnOptions<T>,
): AggregateColumn<T, number | undefined>;
export function min<T>(of: (row: T) => Maybe<number>, options: ColumnOptions<T> = {}): AggregateColumn<T, number> {
  return { kind: 'min', of, ...options };
}

/** The largest number of any row; NaN counts as larger than all others. Cannot take rows back. */
export function max<T>(of: (row: T) => number): AggregateColumn<T, number>;
export function max<T>(
  of: (row: T) => Maybe<number>,
  options?: ColumnOptions<T>,
): AggregateColumn<T, number | undefined>;
export function max<T>(of: (row: T) => Maybe<number>, options: ColumnOptions<T> = {}): AggregateColumn<T, number> {
  return { kind: 'max', of, ...options };
}

/**
 * The exact number of different values of all rows. Columns that count the same `of` (the same function) share what they
 * keep. Keeps every value; for very many of them see `splitDistinct`.
 */
export function countDistinct<T>(
  of: (row: T) => Maybe<DistinctValue>,
  options: ColumnOptions<T> = {},
): AggregateColumn<T, number> {
  return { kind: 'countDistinct', of, ...options };
}
