import { OutputTag } from '../../engine/task/output-tag.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { AggregateRow } from './aggregates.ts';
import {
  type Columns,
  type ColumnsAccumulator,
  type CompiledAggregates,
  compileAggregates,
} from './compile-aggregates.ts';
import type { GroupAggregateFunction } from './group-aggregate-function.ts';

/**
 * A value of a group, with the filters under which a batch of one subtask has seen it, or, where rows can be taken back, how
 * often it was added, less how often taken out. On its way to the value's state.
 */
export interface SeenValue {
  /** Of group, set and value. */
  readonly key: string;
  readonly group: Key;
  readonly set: number;
  readonly filters: number;
  /** By column of the set; undefined where rows are only added. */
  readonly counts: number[] | undefined;
}

/** Where the local phase sends values. */
export const SEEN_VALUES: OutputTag<SeenValue> = new OutputTag<SeenValue>('seen-values');

/** An aggregate of columns whose different values are kept elsewhere: it only adds up what others found to be new. */
export interface SplitAggregate {
  readonly compiled: CompiledAggregates;
  readonly global: GroupAggregateFunction<never, ColumnsAccumulator, AggregateRow<Columns>>;
}

/** @param takesRetractions whether rows can be taken back. */
export function splitAggregate(columns: Columns, takesRetractions: boolean): SplitAggregate {
  const compiled = compileAggregates(columns, false);
  return {
    compiled,
    global: {
      accumulatorSchema: compiled.schema,
      createAccumulator: () => compiled.create(),
      add: (accumulator) => accumulator,
      merge: (a, b) => compiled.merge(a, b),
      getResult: (accumulator) => compiled.result(accumulator) as AggregateRow<Columns>,
      ...(takesRetractions && { retract: (accumulator: ColumnsAccumulator) => accumulator }),
    },
  };
}
