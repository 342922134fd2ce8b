import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { State } from '../../state/keyed/state.ts';
import type { BroadcastHandles, BroadcastStateSpecs, ReadOnlyBroadcastHandles } from './broadcast-state-spec.ts';
import type { Collector } from './collector.ts';
import type { FunctionContext } from './function-context.ts';
import type { ProcessContext, TimerContext } from './process-context.ts';
import type { StateHandles, StateSpecs } from './state-spec.ts';

/** No declared state: `state` has no properties. */
type NoState = {};

/** The context of a record of the keyed side: keyed state and timers, and broadcast state to read. Reused: do not keep it. */
export interface ReadOnlyBroadcastContext<
  K extends Key = Key,
  S extends StateSpecs = NoState,
  BS extends BroadcastStateSpecs = NoState,
> extends ProcessContext<K, S> {
  readonly broadcastState: ReadOnlyBroadcastHandles<BS>;
}

/** The context of a timer. */
export interface BroadcastTimerContext<
  K extends Key = Key,
  S extends StateSpecs = NoState,
  BS extends BroadcastStateSpecs = NoState,
> extends TimerContext<K, S> {
  readonly broadcastState: ReadOnlyBroadcastHandles<BS>;
}

/** The context of a record of the side that is not keyed. */
export interface ReadOnlyContext<BS extends BroadcastStateSpecs = NoState> extends BroadcastSideContext {
  readonly broadcastState: ReadOnlyBroadcastHandles<BS>;
}

/** What can be asked without a key. */
interface BroadcastSideContext {
  /** The record's time in milliseconds; NaN for a record without timestamp. */
  readonly timestamp: number;
  /** No record with a timestamp <= this follows, milliseconds. */
  readonly currentWatermark: number;
  readonly currentProcessingTime: number;
  readonly rowKind: RowKind;
  /** Emits to a side output, with the record's timestamp. */
  output<T>(tag: OutputTag<T>, value: T, kind?: RowKind): void;
}

/**
 * The context of a broadcast record: broadcast state to write. There is no key, so no keyed state and no timers. Every
 * subtask gets every broadcast record, though perhaps not in the same order: write so that the order does not matter.
 */
export interface BroadcastContext<BS extends BroadcastStateSpecs = NoState> extends BroadcastSideContext {
  readonly broadcastState: BroadcastHandles<BS>;
}

/** The same beside a keyed side. */
export interface KeyedBroadcastContext<
  K extends Key = Key,
  S extends StateSpecs = NoState,
  BS extends BroadcastStateSpecs = NoState,
> extends BroadcastContext<BS> {
  /**
   * Calls back for every key of this subtask whose state is not empty; the state may be changed. In no particular order.
   * Takes time in proportion to all keys of the operator: for rare changes.
   *
   * @param state the name of a declared state, or the handle that `open` got.
   */
  applyToKeyedState<N extends keyof S & string>(state: N, visit: (key: K, state: StateHandles<S>[N]) => void): void;
  applyToKeyedState<H extends State>(state: H, visit: (key: K, state: H) => void): void;
}

/** What a keyed stream connected to a broadcast one runs. */
export interface KeyedBroadcastProcessLogic<
  K extends Key,
  IN,
  BIN,
  OUT,
  S extends StateSpecs = StateSpecs,
  BS extends BroadcastStateSpecs = BroadcastStateSpecs,
> {
  readonly state?: S | undefined;
  readonly broadcastState?: BS | undefined;
  open?(context: FunctionContext): void;
  processElement(value: IN, context: ReadOnlyBroadcastContext<K, S, BS>, out: Collector<OUT>): void;
  processBroadcastElement(value: BIN, context: KeyedBroadcastContext<K, S, BS>, out: Collector<OUT>): void;
  onTimer?(timestampMs: number, context: BroadcastTimerContext<K, S, BS>, out: Collector<OUT>): void;
  /** A checkpoint is being taken: put what is held in fields into the operator state declared in `open`. */
  snapshotState?(checkpointId: number): void;
  close?(): void;
}

/** What a stream that is not keyed runs when it is connected to a broadcast one. */
export interface BroadcastProcessLogic<IN, BIN, OUT, BS extends BroadcastStateSpecs = BroadcastStateSpecs> {
  readonly broadcastState?: BS | undefined;
  open?(context: FunctionContext): void;
  processElement(value: IN, context: ReadOnlyContext<BS>, out: Collector<OUT>): void;
  processBroadcastElement(value: BIN, context: BroadcastContext<BS>, out: Collector<OUT>): void;
  /** A checkpoint is being taken: put what is held in fields into the operator state declared in `open`. */
  snapshotState?(checkpointId: number): void;
  close?(): void;
}

/** As a class: keyed state is declared in `open` (or in `state`), broadcast state in `broadcastState`. */
export abstract class KeyedBroadcastProcessFunction<
  K extends Key,
  IN,
  BIN,
  OUT,
  BS extends BroadcastStateSpecs = NoState,
> implements KeyedBroadcastProcessLogic<K, IN, BIN, OUT, NoState, BS> {
  abstract readonly broadcastState: BS;
  open(_context: FunctionContext): void {}
  abstract processElement(value: IN, context: ReadOnlyBroadcastContext<K, NoState, BS>, out: Collector<OUT>): void;
  abstract processBroadcastElement(
    value: BIN,
    context: KeyedBroadcastContext<K, NoState, BS>,
    out: Collector<OUT>,
  ): void;
  onTimer(_timestampMs: number, _context: BroadcastTimerContext<K, NoState, BS>, _out: Collector<OUT>): void {}
  snapshotState(_checkpointId: number): void {}
  close(): void {}
}

export abstract class BroadcastProcessFunction<
  IN,
  BIN,
  OUT,
  BS extends BroadcastStateSpecs = NoState,
> implements BroadcastProcessLogic<IN, BIN, OUT, BS> {
  abstract readonly broadcastState: BS;
  open(_context: FunctionContext): void {}
  abstract processElement(value: IN, context: ReadOnlyContext<BS>, out: Collector<OUT>): void;
  abstract processBroadcastElement(value: BIN, context: BroadcastContext<BS>, out: Collector<OUT>): void;
  snapshotState(_checkpointId: number): void {}
  close(): void {}
}

/** A function over a keyed and a broadcast stream as an object. Keeps nothing itself, so all subtasks share it. */
export interface KeyedBroadcastProcessDefinition<
  K extends Key,
  IN,
  BIN,
  OUT,
  S extends StateSpecs = StateSpecs,
  BS extends BroadcastStateSpecs = BroadcastStateSpecs,
> extends KeyedBroadcastProcessLogic<K, IN, BIN, OUT, S, BS> {
  readonly uid: string;
  /** For people. Default: the uid. */
  readonly name?: string | undefined;
}

export interface BroadcastProcessDefinition<
  IN,
  BIN,
  OUT,
  BS extends BroadcastStateSpecs = BroadcastStateSpecs,
> extends BroadcastProcessLogic<IN, BIN, OUT, BS> {
  readonly uid: string;
  readonly name?: string | undefined;
}

/**
 * Declares a function for `keyedStream.connect(rules.broadcast()).process(...)`, with its states before they are used:
 *
 *     const applyRules = defineKeyedBroadcastProcess({
 *       uid: 'apply-rules',
 *       broadcastState: { rules: broadcastState(string(), Rule) },
 *       state: { count: valueState(long()) },
 *       processElement(click: Click, { state, broadcastState }, out: Collector<Alert>) {
 *         const count = (state.count.value() ?? 0) + 1;
 *         state.count.update(count);
 *         for (const [name, rule] of broadcastState.rules) if (count > rule.limit) out.collect({ name, click });
 *       },
 *       processBroadcastElement(rule: Rule, { broadcastState }) {
 *         broadcastState.rules.set(rule.name, rule);
 *       },
 *     });
 */
export function defineKeyedBroadcastProcess<
  IN,
  BIN,
  OUT,
  S extends StateSpecs = NoState,
  BS extends BroadcastStateSpecs = NoState,
  K extends Key = Key,
>(
  definition: KeyedBroadcastProcessDefinition<K, IN, BIN, OUT, S, BS>,
): KeyedBroadcastProcessDefinition<K, IN, BIN, OUT, S, BS> {
  return definition;
}

/** The same for `stream.connect(rules.broadcast()).process(...)`, where the stream is not keyed. */
export function defineBroadcastProcess<IN, BIN, OUT, BS extends BroadcastStateSpecs = NoState>(
  definition: BroadcastProcessDefinition<IN, BIN, OUT, BS>,
): BroadcastProcessDefinition<IN, BIN, OUT, BS> {
  return definition;
}
