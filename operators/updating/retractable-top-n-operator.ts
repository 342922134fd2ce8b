import { isRetraction, type RowKind } from '../../engine/task/row-kind.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { array } from '../../state/schema/collections.ts';
import { record } from '../../state/schema/record.ts';
import { long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { packRow } from './packed-rows.ts';
import { RowList } from './row-list.ts';
import { RankingOperator, type TopNOperatorOptions } from './top-n-operator.ts';

/** Rows kept in order beyond the n that come out, so that taking rows back seldom has to look at all others. */
const SPARE_ROWS = 32;

interface Front<T> {
  /** The first rows in order: at least n of them while there are others behind. */
  readonly rows: readonly T[];
  readonly restCount: number;
}

/**
 * The first n rows of each key in an order, of rows that may be taken back. Of equal ones those that came first. Flink's
 * `RetractableTopNFunction`.
 *
 * Stateful: all rows; some more than n in order, those behind in no order.
 * Law: the output folded is the first n rows of the folded input. A row that is taken back without being there is ignored.
 */
export class RetractableTopNOperator<T, R> extends RankingOperator<T, R> {
  readonly #frontMax: number;
  #front: ValueState<Front<T>> = undefined as never;
  /** Rows behind the front that have been in it, the last one first among equals; all of them before equal ones of `#rest`. */
  readonly #pushedOut: RowList<T>;
  /** The others behind the front, in the order in which they came. */
  readonly #rest: RowList<T>;

  constructor(options: Omit<TopNOperatorOptions<T, R>, 'ttl'>) {
    super({ ...options, ttl: undefined });
    this.#frontMax = 2 * options.n + SPARE_ROWS;
    this.#pushedOut = new RowList('pushed-out-rows', options.schema);
    this.#rest = new RowList('rest-rows', options.schema);
  }

  override open(): void {
    super.open();
    const schema = record('tidemark.FrontRows', { restCount: long(), rows: array(this.schema) });
    const { keyedState } = this.context;
    this.#front = keyedState.state({
      kind: 'value',
      name: 'front-rows',
      schema: schema as unknown as Schema<Front<T>>,
    });
    this.#pushedOut.open(this.context);
    this.#rest.open(this.context);
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const front = this.#front.value() ?? { rows: [], restCount: 0 };
    if (isRetraction(kind)) this.#remove(value as T, front, timestampMs);
    else this.#add(value as T, front, timestampMs);
  }

  #add(row: T, { rows, restCount }: Front<T>, timestampMs: number): void {
    const at = this.placeOf(row, rows);
    if (at === rows.length && (restCount > 0 || at === this.#frontMax)) {
      this.#rest.add(row);
      this.#front.update({ rows, restCount: restCount + 1 });
      return;
    }
    const after = rows.toSpliced(at, 0, row);
    let count = restCount;
    if (after.length > this.#frontMax) {
      this.#pushedOut.add(after.pop()!);
      count++;
    }
    this.#front.update({ rows: after, restCount: count });
    if (at >= this.n) return;
    const isFull = rows.length >= this.n;
    this.results.change(
      rows.slice(0, this.n),
      after.slice(0, this.n),
      isFull ? rows[this.n - 1] : undefined,
      row,
      timestampMs,
    );
  }

  #remove(row: T, { rows, restCount }: Front<T>, timestampMs: number): void {
    const at = this.#indexOf(row, rows);
    if (at < 0) {
      if (restCount === 0 || !(this.#rest.remove(row) || this.#pushedOut.remove(row))) return;
      this.#front.update({ rows, restCount: restCount - 1 });
      return;
    }
    const removed = rows[at]!;
    let after = rows.toSpliced(at, 1);
    let count = restCount;
    if (after.length < this.n && restCount > 0) {
      after = this.#refill(after);
      count = restCount + rows.length - 1 - after.length;
    }
    this.#front.update(after.length === 0 ? undefined : { rows: after, restCount: count });
    if (at >= this.n) return;
    this.results.change(rows.slice(0, this.n), after.slice(0, this.n), removed, after[this.n - 1], timestampMs);
  }

  /** Where the first row is that is stored as the same bytes; -1 when there is none. */
  #indexOf(row: T, rows: readonly T[]): number {
    // Rows that are equal in the order are neighbours.
    const end = this.placeOf(row, rows);
    let start = end;
    while (start > 0 && this.compare(row, rows[start - 1]!) === 0) start--;
    if (start === end) return -1;
    const text = packRow(row, this.schema);
    for (let i = start; i < end; i++) if (packRow(rows[i]!, this.schema) === text) return i;
    return -1;
  }

  /** Takes the first of the rows behind into the front. */
  #refill(front: readonly T[]): T[] {
    const behind: T[] = [];
    this.#pushedOut.readInto(behind);
    behind.reverse();
    this.#rest.readInto(behind);
    this.#pushedOut.clear();
    this.#rest.clear();
    // Stable: equal ones stay as they came.
    behind.sort(this.compare);
    const taken = Math.min(behind.length, this.#frontMax - front.length);
    for (let i = taken; i < behind.length; i++) this.#rest.add(behind[i]!);
    return [...front, ...behind.slice(0, taken)];
  }
}
