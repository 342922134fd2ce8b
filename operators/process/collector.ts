import { type Output, UNCONNECTED_OUTPUT } from '../../engine/task/output.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';

/** Takes the results of a function. They carry the timestamp of what is being processed: the record's, or the timer's. */
export interface Collector<T> {
  /** @param kind default `+I`. */
  collect(value: T, kind?: RowKind): void;
}

/** Stamps results with the timestamp that its operator has set. */
export class TimestampedCollector<T> implements Collector<T> {
  output: Output<T> = UNCONNECTED_OUTPUT;
  timestampMs = NO_TIMESTAMP;

  collect(value: T, kind: RowKind = INSERT): void {
    this.output.collect(value, this.timestampMs, kind);
  }
}
