import type { AggregateFunction } from '../../../operators/process/state-spec.ts';
import { long } from '../../../state/schema/scalars.ts';

/** How many. */
export const COUNT: AggregateFunction<unknown, number, number> = {
  accumulatorSchema: long(),
  createAccumulator: () => 0,
  add: (count) => count + 1,
  getResult: (count) => count,
  merge: (a, b) => a + b,
};
