import type { Schema } from '../../state/schema/schema.ts';

/**
 * An aggregation of all rows of a key, updated with every row. Every `AggregateFunction` is one. Accumulators are values:
 * return a new one, or the same one changed.
 */
export interface GroupAggregateFunction<IN, ACC, OUT> {
  /** How the accumulator is stored. */
  readonly accumulatorSchema: Schema<ACC>;
  createAccumulator(): ACC;
  add(accumulator: ACC, value: IN): ACC;
  /** What `add` changes later must not be in the result, but for the accumulator itself, of which a copy is taken. */
  getResult(accumulator: ACC): OUT;
  /**
   * Takes a row out again: makes the aggregate one for inputs that change (`-U`, `-D`). In two phases it is also called
   * on an accumulator that has not seen the row, so that counts and sums may be below zero until they are merged.
   */
  retract?(accumulator: ACC, value: IN): ACC;
  /** Needed for two phases. May change and return `a`; leaves `b` alone. */
  merge?(a: ACC, b: ACC): ACC;
}
