import type { RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';

/** Passes the records for which the predicate holds, unchanged. Stateless. */
export class FilterOperator<T> extends StreamOperator<T> {
  readonly #predicate: (value: T) => boolean;

  constructor(predicate: (value: T) => boolean) {
    super();
    this.#predicate = predicate;
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    if (this.#predicate(value as T)) this.output.collect(value as T, timestampMs, kind);
  }
}
