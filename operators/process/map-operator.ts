import type { RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';

/** Replaces every record's value; timestamp and row kind stay. Stateless. */
export class MapOperator<IN, OUT> extends StreamOperator<OUT> {
  readonly #map: (value: IN) => OUT;

  constructor(map: (value: IN) => OUT) {
    super();
    this.#map = map;
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    this.output.collect(this.#map(value as IN), timestampMs, kind);
  }
}
