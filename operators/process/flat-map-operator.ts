import type { RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { type Collector, TimestampedCollector } from './collector.ts';

/** Zero, one or more results for a record: returned as an iterable, or handed to `out`, or both (`out` first). */
export type FlatMapFunction<IN, OUT> = (value: IN, out: Collector<OUT>) => Iterable<OUT> | void;

/** Replaces a record by any number of records with its timestamp; those returned carry its row kind too. Stateless. */
export class FlatMapOperator<IN, OUT> extends StreamOperator<OUT> {
  readonly #flatMap: FlatMapFunction<IN, OUT>;
  readonly #collector = new TimestampedCollector<OUT>();

  constructor(flatMap: FlatMapFunction<IN, OUT>) {
    super();
    this.#flatMap = flatMap;
  }

  override open(): void {
    this.#collector.output = this.output;
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    this.#collector.timestampMs = timestampMs;
    const results = this.#flatMap(value as IN, this.#collector);
    if (results === undefined) return;
    if (Array.isArray(results)) {
      for (let i = 0; i < results.length; i++) this.output.collect(results[i] as OUT, timestampMs, kind);
    } else {
      for (const result of results) this.output.collect(result, timestampMs, kind);
    }
  }
}
