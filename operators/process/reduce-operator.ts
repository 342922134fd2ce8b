import type { RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import type { Schema } from '../../state/schema/schema.ts';

/**
 * Reduces all records of a key to one, and emits it after every record.
 *
 * Stateful: one value per key.
 */
export class ReduceOperator<T> extends StreamOperator<T> {
  override readonly takesRetractions = false;
  readonly #reduce: (accumulated: T, value: T) => T;
  readonly #schema: Schema<T>;
  #reduced: ValueState<T> = undefined as never;

  constructor(reduce: (accumulated: T, value: T) => T, schema: Schema<T>) {
    super();
    this.#reduce = reduce;
    this.#schema = schema;
  }

  override open(): void {
    this.#reduced = this.context.keyedState.state({ kind: 'value', name: 'reduced', schema: this.#schema });
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const reduced = this.#reduced.value();
    const next = reduced === undefined ? (value as T) : this.#reduce(reduced, value as T);
    this.#reduced.update(next);
    this.output.collect(next, timestampMs, kind);
  }
}
