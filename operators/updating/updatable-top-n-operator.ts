import { UserError } from '../../engine/base/errors.ts';
import { DELETE, type RowKind, UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { insertedAt, RankingOperator, type TopNOperatorOptions } from './top-n-operator.ts';
import { type TopRows, topRows, TopRowsReader, TopRowsSchema } from './top-rows.ts';

/**
 * The first n rows of each key in an order, of rows that are known by a key of their own and are updated, but never to a
 * place further behind. Flink's `UpdatableTopNFunction`.
 *
 * Stateful: these n rows.
 * Law: the output folded is the first n of the rows as they were updated last.
 */
export class UpdatableTopNOperator<T, R> extends RankingOperator<T, R> {
  readonly #rowKey: (row: T) => Key;
  readonly #reader: TopRowsReader<T>;
  readonly #topSchema: TopRowsSchema<T>;
  #top: ValueState<TopRows<T>> = undefined as never;

  constructor(options: TopNOperatorOptions<T, R> & { readonly rowKey: (row: T) => Key }) {
    super(options);
    this.#rowKey = options.rowKey;
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

  /** `-U` says nothing that the `+U` behind it does not. */
  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    if (kind === DELETE) throw this.#notAllowed('a row of kind -D', 'to take rows away');
    if (kind === UPDATE_BEFORE) return;
    const row = value as T;
    const stored = this.#top.value();
    const before = stored === undefined ? [] : this.#reader.rowsOf(this.#reader.adopt(stored));
    const rowKey = this.#rowKey(row);
    const at = before.findIndex((other) => this.#rowKey(other) === rowKey);
    const order = at < 0 ? -1 : this.compare(row, before[at]!);
    if (order > 0) throw this.#notAllowed('an update that moves its row further behind', 'for any updates');
    const others = at < 0 ? before : before.toSpliced(at, 1);
    // What is no better than it was keeps its place among its equals.
    const place = order === 0 ? at : this.placeOf(row, others);
    if (place >= this.n) return;
    const after = insertedAt(place, row, others, this.n);
    this.#top.update(topRows(after), (after.length - before.length) * this.#topSchema.rowHeapBytes);
    const pushedOut = after.length === others.length ? others[others.length - 1] : undefined;
    this.results.change(before, after, at < 0 ? pushedOut : before[at], row, timestampMs);
  }

  #notAllowed(found: string, purpose: string): UserError {
    return new UserError(
      'JOB_DEFINITION',
      `'${this.context.operatorName}' keeps its first ${this.n} rows only, so updates may only move rows forward; found ${found}`,
      { hint: `Use input: 'changelog' ${purpose}: it keeps all rows and needs the old row of every update (-U).` },
    );
  }
}
