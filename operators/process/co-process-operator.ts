import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Key } from '../../state/keyed/key.ts';
import { TimestampedCollector } from './collector.ts';
import { FunctionContext } from './function-context.ts';
import { OperatorProcessContext } from './process-context.ts';
import type { CoProcessLogic } from './process-function.ts';

/**
 * Runs a process function over two inputs, keyed (sharing state and timers) or not.
 *
 * Law: as `ProcessOperator`; time is the minimum of both inputs' watermarks.
 */
export class CoProcessOperator<K extends Key, IN1, IN2, OUT> extends StreamOperator<OUT> {
  readonly #logic: CoProcessLogic<K, IN1, IN2, OUT>;
  readonly #collector = new TimestampedCollector<OUT>();
  #process: OperatorProcessContext & { readonly currentKey: K } = undefined as never;

  constructor(logic: CoProcessLogic<K, IN1, IN2, OUT>) {
    super();
    this.#logic = logic;
  }

  override open(): void {
    this.#collector.output = this.output;
    this.#process = new OperatorProcessContext(this.context, this.#logic.state) as never;
    this.#logic.open?.(new FunctionContext(this.context));
  }

  override processElement1(value: unknown, timestampMs: number, kind: RowKind): void {
    this.#enter(timestampMs, kind);
    this.#logic.processElement1(value as IN1, this.#process, this.#collector);
  }

  override processElement2(value: unknown, timestampMs: number, kind: RowKind): void {
    this.#enter(timestampMs, kind);
    this.#logic.processElement2(value as IN2, this.#process, this.#collector);
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

  #enter(timestampMs: number, kind: RowKind): void {
    this.#process.timestamp = timestampMs;
    this.#process.rowKind = kind;
    this.#collector.timestampMs = timestampMs;
  }

  #onTimer(timestampMs: number, timeDomain: 'eventTime' | 'processingTime', resultTimestampMs: number): void {
    this.#enter(timestampMs, INSERT);
    this.#process.timeDomain = timeDomain;
    this.#collector.timestampMs = resultTimestampMs;
    this.#logic.onTimer?.(timestampMs, this.#process, this.#collector);
  }
}
