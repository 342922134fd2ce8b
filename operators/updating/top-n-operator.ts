import type { RowKind } from '../../engine/task/row-kind.ts';
import type { StateTtl, ValueState } from '../../state/keyed/state.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { type Held, HoldingOperator } from './holding-operator.ts';
import type { Compare } from './order-by.ts';
import { createRankedOutput, type RankedOutput, type RankedOutputOptions } from './ranked-output.ts';
import { type TopRows, topRows, TopRowsReader, TopRowsSchema } from './top-rows.ts';

export interface TopNOperatorOptions<T, R> extends RankedOutputOptions<T, R> {
  readonly compare: Compare<T>;
}

const NO_ROWS: readonly never[] = [];

/** What all top-N operators share: their output, and when it is flushed. */
export abstract class RankingOperator<T, R> extends HoldingOperator<R> {
  protected readonly n: number;
  protected readonly compare: Compare<T>;
  protected readonly schema: Schema<T>;
  protected readonly ttl: StateTtl | undefined;
  protected override readonly held: Held;
  protected readonly results: RankedOutput<T, R>;

  constructor(options: TopNOperatorOptions<T, R>) {
    super();
    this.n = options.n;
    this.compare = options.compare;
    this.schema = options.schema;
    this.ttl = options.ttl;
    this.results = createRankedOutput(options);
    this.held = this.results;
  }

  override open(): void {
    this.results.open(this.context, this.output);
  }

  /** Where a row goes in `rows`, which are in order: behind those that are before it or equal. */
  protected placeOf(row: T, rows: readonly T[]): number {
    const { compare } = this;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(row, rows[middle]!) < 0) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/**
 * The first n rows of each key in an order, of rows that are only inserted. Of equal ones those that came first. Flink's
 * `AppendOnlyTopNFunction`.
 *
 * Stateful: these n rows.
 * Law: the output folded is the first n of the rows so far.
 */
export class TopNOperator<T, R> extends RankingOperator<T, R> {
  override readonly takesRetractions = false;
  readonly #reader: TopRowsReader<T>;
  readonly #topSchema: TopRowsSchema<T>;
  #top: ValueState<TopRows<T>> = undefined as never;

  constructor(options: TopNOperatorOptions<T, R>) {
    super(options);
    this.#reader = new TopRowsReader(options.schema);
    this.#topSchema = new TopRowsSchema(options.schema);
  }

  override open(): void {
    super.open();
    this.#top = this.context.keyedState.state({
      kind: 'value',
      name: 'top-rows',
      schema: this.#topSchema,
      ttl: this.ttl,
    });
  }

  override processElement(value: unknown, timestampMs: number, _kind: RowKind): void {
    const row = value as T;
    const stored = this.#top.value();
    let before: readonly T[] = NO_ROWS;
    if (stored !== undefined) {
      const top = this.#reader.adopt(stored);
      if (this.#reader.countOf(top) >= this.n && this.compare(row, this.#reader.lastOf(top)) >= 0) return;
      before = this.#reader.rowsOf(top);
    }
    const after = insertedAt(this.placeOf(row, before), row, before, this.n);
    this.#top.update(topRows(after), (after.length - before.length) * this.#topSchema.rowHeapBytes);
    const removed = after.length === before.length ? before[before.length - 1] : undefined;
    this.results.change(before, after, removed, row, timestampMs);
  }
}

/** A copy with one more row, cut to `n`. */
export function insertedAt<T>(at: number, row: T, rows: readonly T[], n: number): T[] {
  const count = Math.min(n, rows.length + 1);
  const after = new Array<T>(count);
  for (let i = 0; i < at; i++) after[i] = rows[i]!;
  after[at] = row;
  for (let i = at + 1; i < count; i++) after[i] = rows[i - 1]!;
  return after;
}
