import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Key } from '../../state/keyed/key.ts';
import { TimestampedCollector } from './collector.ts';
import { FunctionContext } from './function-context.ts';
import { OperatorProcessContext } from './process-context.ts';
import type { ProcessLogic } from './process-function.ts';

/**
 * Runs a process function, keyed or not.
 *
 * Stateful when the function is: its states and timers are those of the current key.
 * Law: results of a record carry its timestamp, those of an event-time timer the timer's, those of a processing-time
 * timer none.
 */
export class ProcessOperator<K extends Key, IN, OUT> extends StreamOperator<OUT> {
  readonly #logic: ProcessLogic<K, IN, OUT>;
  readonly #collector = new TimestampedCollector<OUT>();
  // Typed for any key: the key's type is the stream's promise.
  #process: OperatorProcessContext & { readonly currentKey: K } = undefined as never;

  constructor(logic: ProcessLogic<K, IN, OUT>) {
    super();
    this.#logic = logic;
  }

  override open(): void {
    this.#collector.output = this.output;
    this.#process = new OperatorProcessContext(this.context, this.#logic.state) as never;
    this.#logic.open?.(new FunctionContext(this.context));
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const process = this.#process;
    process.timestamp = timestampMs;
    process.rowKind = kind;
    this.#collector.timestampMs = timestampMs;
    this.#logic.processElement(value as IN, process, this.#collector);
  }

  override onEventTimeTimer(timestampMs: number): void {
    this.#onTimer(timestampMs, 'eventTime', timestampMs);
  }

  override onProcessingTimeTimer(timestampMs: number): void {
    this.#onTimer(timestampMs, 'processingTime', NO_TIMESTAMP);
  }

  override snapshotState(checkpointId: number): void {
    this.#logic.snapshotState?.(checkpointId);
  }

  override close(): void {
    this.#logic.close?.();
  }

  #onTimer(timestampMs: number, timeDomain: 'eventTime' | 'processingTime', resultTimestampMs: number): void {
    const process = this.#process;
    process.timestamp = timestampMs;
    process.rowKind = INSERT;
    process.timeDomain = timeDomain;
    this.#collector.timestampMs = resultTimestampMs;
    this.#logic.onTimer?.(timestampMs, process, this.#collector);
  }
}
