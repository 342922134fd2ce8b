import type { Key } from '../../state/keyed/key.ts';
import type { Collector } from './collector.ts';
import type { FunctionContext } from './function-context.ts';
import type { ProcessContext, TimerContext } from './process-context.ts';
import type { StateSpecs } from './state-spec.ts';

/** What a process operator runs: an instance of a function class, or a definition with its states. */
export interface ProcessLogic<K extends Key, IN, OUT, S extends StateSpecs = StateSpecs> {
  readonly state?: S | undefined;
  open?(context: FunctionContext): void;
  processElement(value: IN, context: ProcessContext<K, S>, out: Collector<OUT>): void;
  onTimer?(timestampMs: number, context: TimerContext<K, S>, out: Collector<OUT>): void;
  /** A checkpoint is being taken: put what is held in fields into the operator state declared in `open`. */
  snapshotState?(checkpointId: number): void;
  close?(): void;
}

/** The same over two inputs that share keyed state. */
export interface CoProcessLogic<K extends Key, IN1, IN2, OUT, S extends StateSpecs = StateSpecs> {
  readonly state?: S | undefined;
  open?(context: FunctionContext): void;
  processElement1(value: IN1, context: ProcessContext<K, S>, out: Collector<OUT>): void;
  processElement2(value: IN2, context: ProcessContext<K, S>, out: Collector<OUT>): void;
  onTimer?(timestampMs: number, context: TimerContext<K, S>, out: Collector<OUT>): void;
  /** A checkpoint is being taken: put what is held in fields into the operator state declared in `open`. */
  snapshotState?(checkpointId: number): void;
  close?(): void;
}

/** Any number of results per record, side outputs, the clocks. Pass `() => new MyFunction()`: every subtask makes its own. */
export abstract class ProcessFunction<IN, OUT> implements ProcessLogic<Key, IN, OUT> {
  open(_context: FunctionContext): void {}
  abstract processElement(value: IN, context: ProcessContext, out: Collector<OUT>): void;
  snapshotState(_checkpointId: number): void {}
  close(): void {}
}

/** A process function with keyed state (declared in `open`) and timers. */
export abstract class KeyedProcessFunction<K extends Key, IN, OUT> implements ProcessLogic<K, IN, OUT> {
  open(_context: FunctionContext): void {}
  abstract processElement(value: IN, context: ProcessContext<K>, out: Collector<OUT>): void;
  onTimer(_timestampMs: number, _context: TimerContext<K>, _out: Collector<OUT>): void {}
  snapshotState(_checkpointId: number): void {}
  close(): void {}
}

/** A process function over two inputs; on two keyed streams with shared keyed state and timers. */
export abstract class CoProcessFunction<IN1, IN2, OUT, K extends Key = Key> implements CoProcessLogic<
  K,
  IN1,
  IN2,
  OUT
> {
  open(_context: FunctionContext): void {}
  abstract processElement1(value: IN1, context: ProcessContext<K>, out: Collector<OUT>): void;
  abstract processElement2(value: IN2, context: ProcessContext<K>, out: Collector<OUT>): void;
  onTimer(_timestampMs: number, _context: TimerContext<K>, _out: Collector<OUT>): void {}
  snapshotState(_checkpointId: number): void {}
  close(): void {}
}
