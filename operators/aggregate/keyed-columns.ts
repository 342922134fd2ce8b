import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { MapState } from '../../state/keyed/state.ts';
import { array } from '../../state/schema/collections.ts';
import { int, long } from '../../state/schema/scalars.ts';
import { mapState, type TtlOptions } from '../process/state-spec.ts';
import type { DistinctValue } from './aggregate-columns.ts';
import type { AggregateRow } from './aggregates.ts';
import { type Columns, type ColumnsAccumulator, compileAggregates, type DistinctSet } from './compile-aggregates.ts';
import { DISTINCT_VALUE } from './distinct-value-schema.ts';
import type { GroupAggregateFunction } from './group-aggregate-function.ts';
import { keepFilters } from './keep-filters.ts';
import { changeCounts, countsOfRow } from './value-counts.ts';

/**
 * Columns of the current key whose different values are kept in map states of their own: a value that is seen touches its
 * entry, not the others, and a key may have more values than fit in memory. One per operator.
 */
export class KeyedColumns {
  readonly #takesRetractions: boolean;
  readonly #ttl: TtlOptions | undefined;
  readonly #compiled: ReturnType<typeof compileAggregates>;
  readonly #sets: readonly DistinctSet[];
  /** By set: the filters under which a value was seen. */
  readonly #filters: MapState<DistinctValue, number>[] = [];
  /** By set, where rows can be taken back: how often a value is there, by column. */
  readonly #counts: MapState<DistinctValue, number[]>[] = [];

  constructor(columns: Columns, takesRetractions: boolean, ttl: TtlOptions | undefined) {
    this.#takesRetractions = takesRetractions;
    // A value that is still seen is kept, even if it is not new.
    this.#ttl = ttl === undefined ? undefined : { ...ttl, update: 'onReadAndWrite' };
    this.#compiled = compileAggregates(columns, false);
    this.#sets = this.#compiled.sets;
  }

  open(context: OperatorContext): void {
    if (this.#sets.length === 0) return;
    keepFilters(context, this.#sets);
    const options = { ttl: this.#ttl };
    for (const at of this.#sets.keys()) {
      const name = `values-${at}`;
      if (this.#takesRetractions) {
        const spec = mapState(DISTINCT_VALUE, array(long()), options);
        this.#counts.push(context.keyedState.state(spec.toDescriptor(name)));
      } else {
        this.#filters.push(context.keyedState.state(mapState(DISTINCT_VALUE, int(), options).toDescriptor(name)));
      }
    }
  }

  /** The group is gone. */
  clear(): void {
    for (const state of this.#filters) state.clear();
    for (const state of this.#counts) state.clear();
  }

  /** Works on the states of the current key. Merges what `aggregates(...)` makes of rows elsewhere, values included. */
  get aggregate(): GroupAggregateFunction<unknown, ColumnsAccumulator, AggregateRow<Columns>> {
    const compiled = this.#compiled;
    return {
      accumulatorSchema: compiled.schema,
      createAccumulator: () => compiled.create(),
      add: (accumulator, row) => this.#add(accumulator, row, 1),
      merge: (a, b) => this.#merge(a, b),
      getResult: (accumulator) => compiled.result(accumulator) as AggregateRow<Columns>,
      ...(this.#takesRetractions && {
        retract: (accumulator: ColumnsAccumulator, row: unknown) => this.#add(accumulator, row, -1),
      }),
    };
  }

  #add(accumulator: ColumnsAccumulator, row: unknown, by: 1 | -1): ColumnsAccumulator {
    const compiled = this.#compiled;
    const filters = compiled.filtersOf(row);
    compiled.add(accumulator, row, filters, by);
    for (let at = 0; at < this.#sets.length; at++) {
      const set = this.#sets[at]!;
      const held = filters & set.filters;
      if (held === 0) continue;
      const value = set.of(row as never);
      if (value === undefined || value === null) continue;
      if (this.#takesRetractions) this.#count(accumulator, at, value, countsOfRow(set, held, by));
      else this.#see(accumulator, at, value, held);
    }
    return accumulator;
  }

  #merge(a: ColumnsAccumulator, b: ColumnsAccumulator): ColumnsAccumulator {
    // Counts of values come from the values: those of the other accumulator may be of values that are here already.
    this.#compiled.mergeWithoutValues(a, b);
    for (const [at, set] of this.#sets.entries()) {
      for (const [value, counts] of b[`values_${at}`] as Map<DistinctValue, number[]>) {
        if (this.#takesRetractions) this.#count(a, at, value, counts);
        else this.#see(a, at, value, filtersOfCounts(set, counts));
      }
    }
    return a;
  }

  #see(accumulator: ColumnsAccumulator, set: number, value: DistinctValue, filters: number): void {
    const state = this.#filters[set]!;
    const before = state.get(value) ?? 0;
    const fresh = filters & ~before;
    if (fresh === 0) return;
    state.set(value, before | fresh);
    this.#compiled.addFresh(accumulator, set, fresh, 1);
  }

  #count(accumulator: ColumnsAccumulator, set: number, value: DistinctValue, by: readonly number[]): void {
    const state = this.#counts[set]!;
    const { counts, come, gone } = changeCounts(this.#sets[set]!, state.get(value), by);
    if (counts === undefined) state.delete(value);
    else state.set(value, counts);
    if (come !== 0) this.#compiled.addFresh(accumulator, set, come, 1);
    if (gone !== 0) this.#compiled.addFresh(accumulator, set, gone, -1);
  }
}

function filtersOfCounts({ columns }: DistinctSet, counts: readonly number[]): number {
  let filters = 0;
  for (const [at, [, bit]] of columns.entries()) if (counts[at]! > 0) filters |= 1 << bit;
  return filters;
}
