import { assert } from '../../engine/base/assert.ts';
import { UserError } from '../../engine/base/errors.ts';
import type { Output } from '../../engine/task/output.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import { type Key, VOID_NAMESPACE } from '../../state/keyed/key.ts';
import type { StateHandles, StateSpecs } from './state-spec.ts';

/** What a process function can ask and do while it processes a record or timer. One object, reused: do not keep it. */
export interface ProcessContext<K extends Key = Key, S extends StateSpecs = StateSpecs> {
  /** The record's (or timer's) time in milliseconds; NaN for a record without timestamp. */
  readonly timestamp: number;
  /** No record with a timestamp <= this follows, milliseconds. Lower than any timestamp before the first watermark. */
  readonly currentWatermark: number;
  readonly currentProcessingTime: number;
  /** Throws on a stream that is not keyed. */
  readonly currentKey: K;
  /** What the record does to a table of results; `+I` in timers. */
  readonly rowKind: RowKind;
  readonly timers: ProcessTimers;
  /** The declared states, scoped to the current key. */
  readonly state: StateHandles<S>;
  /** Emits to a side output, with the timestamp of what is being processed. */
  output<T>(tag: OutputTag<T>, value: T, kind?: RowKind): void;
}

/** The context of a timer. */
export interface TimerContext<K extends Key = Key, S extends StateSpecs = StateSpecs> extends ProcessContext<K, S> {
  readonly timeDomain: 'eventTime' | 'processingTime';
}

/** Timers of the current key. One per timestamp and domain: registering twice fires once. */
export interface ProcessTimers {
  /** Fires when the watermark reaches `timestampMs`; for a past time, with the next watermark. */
  registerEventTimeTimer(timestampMs: number): void;
  /** @param timestampMs exactly the one registered. */
  deleteEventTimeTimer(timestampMs: number): void;
  registerProcessingTimeTimer(timestampMs: number): void;
  deleteProcessingTimeTimer(timestampMs: number): void;
}

/** The one implementation of the contexts; its operator sets the fields. */
export class OperatorProcessContext implements TimerContext<Key, StateSpecs>, ProcessTimers {
  timestamp = NO_TIMESTAMP;
  rowKind: RowKind = INSERT;
  timeDomain: 'eventTime' | 'processingTime' = 'eventTime';
  readonly timers: ProcessTimers = this;
  readonly state: StateHandles<StateSpecs>;
  readonly #context: OperatorContext;
  readonly #sideOutputs = new Map<string, Output<unknown>>();

  /** Declares `specs` with the operator's state backend; so only before the first record. */
  constructor(context: OperatorContext, specs: StateSpecs | undefined) {
    this.#context = context;
    const state: Record<string, unknown> = {};
    for (const [name, spec] of Object.entries(specs ?? {}))
      state[name] = context.keyedState.state(spec.toDescriptor(name));
    this.state = state as StateHandles<StateSpecs>;
  }

  get currentWatermark(): number {
    return this.#context.timers.currentWatermarkMs();
  }

  get currentProcessingTime(): number {
    return this.#context.timers.currentProcessingTimeMs();
  }

  get currentKey(): Key {
    return this.#context.keyedState.currentKey();
  }

  output<T>(tag: OutputTag<T>, value: T, kind: RowKind = INSERT): void {
    if (tag === undefined || tag === null) {
      throw new UserError(
        'JOB_DEFINITION',
        `a side output of '${this.#context.operatorName}' was called without an output tag`,
      );
    }
    let output = this.#sideOutputs.get(tag.id);
    if (output === undefined) {
      output = this.#context.sideOutput(tag as OutputTag<unknown>);
      this.#sideOutputs.set(tag.id, output);
    }
    output.collect(value, this.timestamp, kind);
  }

  registerEventTimeTimer(timestampMs: number): void {
    this.#context.timers.registerEventTimeTimer(VOID_NAMESPACE, checkedTime(timestampMs));
  }

  deleteEventTimeTimer(timestampMs: number): void {
    this.#context.timers.deleteEventTimeTimer(VOID_NAMESPACE, timestampMs);
  }

  registerProcessingTimeTimer(timestampMs: number): void {
    this.#context.timers.registerProcessingTimeTimer(VOID_NAMESPACE, checkedTime(timestampMs));
  }

  deleteProcessingTimeTimer(timestampMs: number): void {
    this.#context.timers.deleteProcessingTimeTimer(VOID_NAMESPACE, timestampMs);
  }
}

function checkedTime(timestampMs: number): number {
  assert(
    typeof timestampMs === 'number',
    () => `expected a timer's time in milliseconds, found ${String(timestampMs)}`,
  );
  if (Number.isNaN(timestampMs)) {
    throw new UserError('JOB_DEFINITION', 'a timer was registered for NaN', {
      hint: 'The record has no timestamp: give its source a WatermarkStrategy with withTimestamp(...).',
    });
  }
  return timestampMs;
}
