import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';
import { long } from '../../state/schema/scalars.ts';
import { reducingState } from '../process/state-spec.ts';
import { CONTINUE, FIRE, type OnMergeContext, Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import { type Window, windowStartMs } from './window.ts';

const STATES = { nextFireMs: reducingState(long(), (a, b) => Math.min(a, b)) };
type States = typeof STATES;

/** Fires at every multiple of an interval of processing time, and when the clock reaches the end of the window. */
export class ContinuousProcessingTimeTrigger extends Trigger<unknown, Window, States> {
  override readonly states: States = STATES;
  readonly #intervalMs: number;

  constructor(intervalMs: number) {
    super();
    if (!(intervalMs > 0))
      throw new UserError('CONFIGURATION', `a trigger's interval must be positive, found ${intervalMs} ms`);
    this.#intervalMs = intervalMs;
  }

  static of(interval: Duration): ContinuousProcessingTimeTrigger {
    return new ContinuousProcessingTimeTrigger(durationMs(interval));
  }

  onElement(_value: unknown, _timestampMs: number, window: Window, context: TriggerContext<States>): TriggerResult {
    if (context.state.nextFireMs.get() === undefined)
      this.#registerNext(windowStartMs(context.currentProcessingTimeMs, 0, this.#intervalMs), window, context);
    return CONTINUE;
  }

  override onProcessingTime(timestampMs: number, window: Window, context: TriggerContext<States>): TriggerResult {
    if (context.state.nextFireMs.get() !== timestampMs) return CONTINUE;
    context.state.nextFireMs.clear();
    this.#registerNext(timestampMs, window, context);
    return FIRE;
  }

  override get canMerge(): boolean {
    return true;
  }

  override onMerge(_window: Window, context: OnMergeContext<States>): void {
    context.mergeState('nextFireMs');
    const nextFireMs = context.state.nextFireMs.get();
    if (nextFireMs !== undefined) context.registerProcessingTimeTimer(nextFireMs);
  }

  clear(_window: Window, context: TriggerContext<States>): void {
    const nextFireMs = context.state.nextFireMs.get();
    if (nextFireMs === undefined) return;
    context.deleteProcessingTimeTimer(nextFireMs);
    context.state.nextFireMs.clear();
  }

  #registerNext(fromMs: number, window: Window, context: TriggerContext<States>): void {
    const { maxTimestampMs } = window;
    const nextMs = fromMs + this.#intervalMs;
    // The clock may be past the end of a window in event time, which lives on.
    const nextFireMs = fromMs < maxTimestampMs ? Math.min(nextMs, maxTimestampMs) : nextMs;
    context.state.nextFireMs.add(nextFireMs);
    context.registerProcessingTimeTimer(nextFireMs);
  }
}
