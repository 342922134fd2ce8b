import type { RowKind } from '../../engine/task/row-kind.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { RankingOperator, type TopNOperatorOptions } from './top-n-operator.ts';

const NO_ROWS: readonly never[] = [];

/** The first row of each key in an order, of rows that are only inserted: a `TopNOperator` whose list is one value. */
export class TopOneOperator<T, R> extends RankingOperator<T, R> {
  override readonly takesRetractions = false;
  #best: ValueState<T> = undefined as never;

  constructor(options: Omit<TopNOperatorOptions<T, R>, 'n'>) {
    super({ ...options, n: 1 });
  }

  override open(): void {
    super.open();
    const { schema, ttl } = this;
    this.#best = this.context.keyedState.state({ kind: 'value', name: 'top-row', schema, ttl });
  }

  override processElement(value: unknown, timestampMs: number, _kind: RowKind): void {
    const row = value as T;
    const best = this.#best.value();
    if (best !== undefined && this.compare(row, best) >= 0) return;
    this.#best.update(row);
    this.results.change(best === undefined ? NO_ROWS : [best], [row], undefined, undefined, timestampMs);
  }
}
