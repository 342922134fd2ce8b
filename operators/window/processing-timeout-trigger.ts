import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';
import { long } from '../../state/schema/scalars.ts';
import { type StateSpec, type StateSpecs, valueState } from '../process/state-spec.ts';
import type { ValueState, ValueStateDescriptor } from '../../state/keyed/state.ts';
import { FIRE, FIRE_AND_PURGE, PURGE, Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

/** Name of the time-out in state; another trigger's state must not be called the same. */
const TIMEOUT = 'timeoutMs';

type TimeoutStates = { readonly timeoutMs: StateSpec<ValueStateDescriptor<number>> };

export interface ProcessingTimeoutOptions {
  /** Count from the latest record instead of the first one since the last firing. Default false. */
  readonly resetTimerOnNewRecord?: boolean | undefined;
  /** Forget the state of the other trigger when the time-out fires. Default true. */
  readonly shouldClearOnTimeout?: boolean | undefined;
}

/**
 * Fires when another trigger does with a record, and at the latest a time-out of processing time after the first record: with
 * any timer of the window, so also when the window is about to be dropped. Not for windows that merge.
 */
export class ProcessingTimeoutTrigger<T, W extends Window, S extends StateSpecs> extends Trigger<
  T,
  W,
  S & TimeoutStates
> {
  override readonly states: S & TimeoutStates;
  readonly #nested: Trigger<T, W, S>;
  readonly #timeoutMs: number;
  readonly #resetTimerOnNewRecord: boolean;
  readonly #shouldClearOnTimeout: boolean;

  constructor(nested: Trigger<T, W, S>, timeoutMs: number, options: ProcessingTimeoutOptions = {}) {
    super();
    if (!(timeoutMs > 0))
      throw new UserError('CONFIGURATION', `a trigger's time-out must be positive, found ${timeoutMs} ms`);
    if (nested.states !== undefined && TIMEOUT in nested.states)
      throw new UserError('JOB_DEFINITION', `a trigger inside of a time-out must call no state '${TIMEOUT}'`);
    this.#nested = nested;
    this.#timeoutMs = timeoutMs;
    this.#resetTimerOnNewRecord = options.resetTimerOnNewRecord ?? false;
    this.#shouldClearOnTimeout = options.shouldClearOnTimeout ?? true;
    this.states = { ...(nested.states as S), timeoutMs: valueState(long()) };
  }

  static of<T, W extends Window, S extends StateSpecs>(
    nested: Trigger<T, W, S>,
    timeout: Duration,
    options: ProcessingTimeoutOptions = {},
  ): ProcessingTimeoutTrigger<T, W, S> {
    return new ProcessingTimeoutTrigger(nested, durationMs(timeout), options);
  }

  onElement(value: T, timestampMs: number, window: W, context: TriggerContext<S & TimeoutStates>): TriggerResult {
    const result = this.#nested.onElement(value, timestampMs, window, context as TriggerContext<S>);
    if ((result & FIRE) !== 0) {
      this.clear(window, context);
      return result;
    }
    const pendingMs = timeoutOf(context).value();
    if (pendingMs !== undefined && !this.#resetTimerOnNewRecord) return result;
    const timeoutMs = context.currentProcessingTimeMs + this.#timeoutMs;
    if (pendingMs !== undefined) context.deleteProcessingTimeTimer(pendingMs);
    timeoutOf(context).update(timeoutMs);
    context.registerProcessingTimeTimer(timeoutMs);
    return result;
  }

  override onEventTime(timestampMs: number, window: W, context: TriggerContext<S & TimeoutStates>): TriggerResult {
    const result = this.#nested.onEventTime(timestampMs, window, context as TriggerContext<S>);
    return this.#fire(result, window, context);
  }

  override onProcessingTime(timestampMs: number, window: W, context: TriggerContext<S & TimeoutStates>): TriggerResult {
    const result = this.#nested.onProcessingTime(timestampMs, window, context as TriggerContext<S>);
    return this.#fire(result, window, context);
  }

  clear(window: W, context: TriggerContext<S & TimeoutStates>): void {
    forgetTimeout(context);
    this.#nested.clear(window, context as TriggerContext<S>);
  }

  #fire(result: TriggerResult, window: W, context: TriggerContext<S & TimeoutStates>): TriggerResult {
    if (this.#shouldClearOnTimeout) this.clear(window, context);
    else forgetTimeout(context);
    return (result & PURGE) === 0 ? FIRE : FIRE_AND_PURGE;
  }
}

function timeoutOf(context: object): ValueState<number> {
  return (context as unknown as TriggerContext<TimeoutStates>).state.timeoutMs;
}

function forgetTimeout(context: Pick<TriggerContext, 'state' | 'deleteProcessingTimeTimer'>): void {
  const timeout = timeoutOf(context);
  const pendingMs = timeout.value();
  if (pendingMs === undefined) return;
  context.deleteProcessingTimeTimer(pendingMs);
  timeout.clear();
}
