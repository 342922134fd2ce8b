import type { Output } from '../../engine/task/output.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Collector } from '../process/collector.ts';
import type { FunctionContext } from '../process/function-context.ts';

/** What a join function can ask and do. One object, reused: do not keep it. */
export interface JoinContext {
  /** Milliseconds; NaN on the side that is missing. */
  readonly leftTimestamp: number;
  readonly rightTimestamp: number;
  /** Of the result: the later of the two. */
  readonly timestamp: number;
  /** `-D` when an early result is taken back; what is collected carries it by default. */
  readonly rowKind: RowKind;
  /** Emits to a side output, with the result's timestamp. */
  output<T>(tag: OutputTag<T>, value: T, kind?: RowKind): void;
}

/** Makes results of pairs. L or R include `undefined` where the join pads missing rows. */
export interface JoinLogic<L, R, OUT> {
  open?(context: FunctionContext): void;
  /** Pure: when an early result is taken back, it is called again with the same rows and must give the same result. */
  processElement(left: L, right: R, context: JoinContext, out: Collector<OUT>): void;
  close?(): void;
}

/** A join function as a class. Pass `() => new MyFunction()`: every subtask makes its own. */
export abstract class ProcessJoinFunction<L, R, OUT> implements JoinLogic<L, R, OUT> {
  open(_context: FunctionContext): void {}
  abstract processElement(left: L, right: R, context: JoinContext, out: Collector<OUT>): void;
  close(): void {}
}

/** The one implementation of the context, which is also the collector of results. */
export class OperatorJoinContext<OUT> implements JoinContext, Collector<OUT> {
  leftTimestamp = NO_TIMESTAMP;
  rightTimestamp = NO_TIMESTAMP;
  timestamp = NO_TIMESTAMP;
  rowKind: RowKind = INSERT;
  readonly #context: OperatorContext;
  readonly #output: Output<OUT>;

  constructor(context: OperatorContext, output: Output<OUT>) {
    this.#context = context;
    this.#output = output;
  }

  /** Sets the pair that is being joined; NaN for a missing side. */
  enter(leftTimestampMs: number, rightTimestampMs: number, kind: RowKind): void {
    this.leftTimestamp = leftTimestampMs;
    this.rightTimestamp = rightTimestampMs;
    // A comparison with NaN is false: a missing side never wins.
    const isRightLater = rightTimestampMs > leftTimestampMs || leftTimestampMs !== leftTimestampMs;
    this.timestamp = isRightLater ? rightTimestampMs : leftTimestampMs;
    this.rowKind = kind;
  }

  collect(value: OUT, kind: RowKind = this.rowKind): void {
    this.#output.collect(value, this.timestamp, kind);
  }

  output<T>(tag: OutputTag<T>, value: T, kind: RowKind = this.rowKind): void {
    this.#context.sideOutput(tag).collect(value, this.timestamp, kind);
  }
}
