import { UserError } from '../../engine/base/errors.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import { type OperatorContext, StreamOperator } from '../../engine/task/stream-operator.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { ListState, MapState, ReducingState, State, ValueState } from '../../state/keyed/state.ts';
import type { KeyedBroadcastContext, KeyedBroadcastProcessLogic } from './broadcast-process-function.ts';
import {
  type BroadcastHandles,
  type BroadcastStateSpecs,
  openBroadcastStates,
  type ReadOnlyBroadcastHandles,
} from './broadcast-state-spec.ts';
import { TimestampedCollector } from './collector.ts';
import { FunctionContext } from './function-context.ts';
import { OperatorProcessContext } from './process-context.ts';
import type { StateSpecs } from './state-spec.ts';

/**
 * Runs a function over a first input, keyed or not, and a second one of which every subtask gets every record. The second
 * writes the broadcast state, the first only reads it.
 *
 * Stateful: the broadcast state, whole in every subtask, and what the function keeps by key on the first side.
 * Law: as `CoProcessOperator`. On restore every subtask starts with the whole broadcast state, at any parallelism.
 */
export class BroadcastProcessOperator<K extends Key, IN, BIN, OUT> extends StreamOperator<OUT> {
  readonly #logic: KeyedBroadcastProcessLogic<K, IN, BIN, OUT>;
  readonly #collector = new TimestampedCollector<OUT>();
  #element: ElementContext = undefined as never;
  #broadcast: BroadcastElementContext = undefined as never;

  constructor(logic: KeyedBroadcastProcessLogic<K, IN, BIN, OUT>) {
    super();
    this.#logic = logic;
  }

  override async open(): Promise<void> {
    // A broadcast record may look at all keys.
    if (this.context.isKeyed) await this.context.keyedState.whenRestored?.();
    this.#collector.output = this.output;
    const { writable, readOnly } = openBroadcastStates(this.#logic.broadcastState, this.context.operatorState);
    this.#element = new ElementContext(this.context, this.#logic.state, readOnly);
    this.#broadcast = new BroadcastElementContext(this.context, this.#element, writable);
    this.#logic.open?.(new FunctionContext(this.context));
  }

  override processElement1(value: unknown, timestampMs: number, kind: RowKind): void {
    const element = this.#element;
    element.timestamp = timestampMs;
    element.rowKind = kind;
    this.#collector.timestampMs = timestampMs;
    this.#logic.processElement(value as IN, element as never, this.#collector);
  }

  override processElement2(value: unknown, timestampMs: number, kind: RowKind): void {
    this.#element.timestamp = timestampMs;
    this.#broadcast.timestamp = timestampMs;
    this.#broadcast.rowKind = kind;
    this.#collector.timestampMs = timestampMs;
    this.#logic.processBroadcastElement(value as BIN, this.#broadcast as never, this.#collector);
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
    const element = this.#element;
    element.timestamp = timestampMs;
    element.rowKind = INSERT;
    element.timeDomain = timeDomain;
    this.#collector.timestampMs = resultTimestampMs;
    this.#logic.onTimer?.(timestampMs, element as never, this.#collector);
  }
}

/** The context of the first side and its timers. */
class ElementContext extends OperatorProcessContext {
  readonly broadcastState: ReadOnlyBroadcastHandles<BroadcastStateSpecs>;

  constructor(
    context: OperatorContext,
    specs: StateSpecs | undefined,
    broadcastState: ReadOnlyBroadcastHandles<BroadcastStateSpecs>,
  ) {
    super(context, specs);
    this.broadcastState = broadcastState;
  }
}

/** The context of a broadcast record: it has no key, and says so to who asks for what is kept by key. */
class BroadcastElementContext implements KeyedBroadcastContext {
  timestamp = NO_TIMESTAMP;
  rowKind: RowKind = INSERT;
  readonly broadcastState: BroadcastHandles<BroadcastStateSpecs>;
  readonly #context: OperatorContext;
  readonly #element: ElementContext;

  constructor(
    context: OperatorContext,
    element: ElementContext,
    broadcastState: BroadcastHandles<BroadcastStateSpecs>,
  ) {
    this.#context = context;
    this.#element = element;
    this.broadcastState = broadcastState;
  }

  get currentWatermark(): number {
    return this.#element.currentWatermark;
  }

  get currentProcessingTime(): number {
    return this.#element.currentProcessingTime;
  }

  output<T>(tag: OutputTag<T>, value: T, kind: RowKind = INSERT): void {
    this.#element.output(tag, value, kind);
  }

  applyToKeyedState(stateOrName: State | string, visit: (key: never, state: never) => void): void {
    const state = typeof stateOrName === 'string' ? this.#stateCalled(stateOrName) : stateOrName;
    this.#context.keyedState.forEachKey((key) => {
      if (!isEmpty(state)) visit(key as never, state as never);
    });
  }

  get state(): never {
    throw this.#noKey('keyed state', 'Change keyed state with applyToKeyedState(...).');
  }

  get timers(): never {
    throw this.#noKey('timers', 'Register timers on the keyed side.');
  }

  get currentKey(): never {
    throw this.#noKey('the current key', 'Only records of the keyed side have one.');
  }

  #stateCalled(name: string): State {
    const state = (this.#element.state as Readonly<Record<string, State>>)[name];
    if (state !== undefined) return state;
    throw new UserError('JOB_DEFINITION', `'${this.#context.operatorName}' declares no state '${name}'`, {
      hint: `Declared are: ${Object.keys(this.#element.state).join(', ') || 'none'}.`,
    });
  }

  #noKey(what: string, hint: string): UserError {
    return new UserError(
      'JOB_DEFINITION',
      `processBroadcastElement of '${this.#context.operatorName}' uses ${what}, but a broadcast record has no key`,
      { hint },
    );
  }
}

/** Whether a state holds nothing for the current key. */
function isEmpty(state: State): boolean {
  const handle = state as Partial<ValueState<unknown> & MapState<unknown, unknown> & ListState<unknown>>;
  if (handle.value !== undefined) return handle.value() === undefined;
  if (handle.isEmpty !== undefined) return handle.isEmpty();
  const content = (handle as unknown as ReducingState<unknown>).get();
  return content === undefined || (handle.addAll !== undefined && (content as readonly unknown[]).length === 0);
}
