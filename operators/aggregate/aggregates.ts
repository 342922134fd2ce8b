import { UserError } from '../../engine/base/errors.ts';
import type { AggregateFunction } from '../process/state-spec.ts';
import type { AggregateColumn } from './aggregate-columns.ts';
import { type AnyColumn, type Columns, type ColumnsAccumulator, compileAggregates } from './compile-aggregates.ts';

/** The row that columns give. */
export type AggregateRow<C> = {
  [N in keyof C]: C[N] extends { readonly _result?: infer R } ? Exclude<R, never> : never;
};

/** An aggregate of several columns: for `aggregate(...)` of keyed streams and of windows. */
export interface ColumnsAggregate<T, R> extends AggregateFunction<T, ColumnsAccumulator, R> {
  retract?(accumulator: ColumnsAccumulator, row: T): ColumnsAccumulator;
  readonly columns: Columns;
}

/** Kinds that know how a row that was added is taken out. */
const RETRACTABLE = new Set(['count', 'sum', 'avg', 'countDistinct']);
const COLUMN_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/**
 * Aggregates rows to one with several columns, as SQL's SELECT does:
 *
 *     const isCheap = (bid: Bid) => bid.price < 10_000;
 *     bids.keyBy(dayOf).aggregate(
 *       aggregates({
 *         bids: count(),
 *         cheapBids: count({ where: isCheap }),
 *         bidders: countDistinct((bid: Bid) => bid.bidder),
 *       }),
 *       (day, row) => ({ day, ...row }),
 *       { uid: 'days' },
 *     );
 *
 * Takes rows back (`-U`, `-D`) unless there is a `min` or a `max` among the columns.
 *
 * @throws UserError JOB_DEFINITION for names that are no names of fields, and for no columns.
 */
export function aggregates<T, const C extends Readonly<Record<string, AggregateColumn<T, unknown>>>>(
  columns: C & Readonly<Record<string, AggregateColumn<T, unknown>>>,
): ColumnsAggregate<T, AggregateRow<C>> {
  checkColumns(columns as Columns);
  const compiled = compileAggregates(columns as Columns, true);
  const isRetractable = Object.values(columns as Columns).every(({ kind }) => RETRACTABLE.has(kind));
  return {
    columns: columns as Columns,
    accumulatorSchema: compiled.schema,
    createAccumulator: () => compiled.create(),
    add: (accumulator, row) => compiled.add(accumulator, row, compiled.filtersOf(row), 1),
    merge: (a, b) => compiled.merge(a, b),
    getResult: (accumulator) => compiled.result(accumulator) as AggregateRow<C>,
    ...(isRetractable && {
      retract: (accumulator: ColumnsAccumulator, row: T) => compiled.add(accumulator, row, compiled.filtersOf(row), -1),
    }),
  };
}

function checkColumns(columns: Columns): void {
  const names = Object.keys(columns);
  if (names.length === 0)
    throw new UserError('JOB_DEFINITION', 'aggregates(...) has no columns', { hint: 'Give it { rows: count() }.' });
  for (const name of names) {
    if (COLUMN_NAME.test(name) && !/_rows$|^values_/.test(name)) continue;
    throw new UserError('JOB_DEFINITION', `aggregates(...) cannot have a column '${name}'`, {
      hint: "Names are letters, digits and '_', begin with a letter, and neither begin with values_ nor end in _rows.",
    });
  }
  for (const [name, column] of Object.entries(columns)) checkColumn(name, column);
}

function checkColumn(name: string, { kind, of, where }: AnyColumn): void {
  if (kind !== 'count' && typeof of !== 'function')
    throw new UserError('JOB_DEFINITION', `column '${name}': ${kind} needs a function that gives its value of a row`);
  if (where !== undefined && typeof where !== 'function')
    throw new UserError('JOB_DEFINITION', `column '${name}': where must be a function, found ${typeof where}`);
}
