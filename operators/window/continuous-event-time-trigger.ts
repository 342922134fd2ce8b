import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';
import { MAX_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import { long } from '../../state/schema/scalars.ts';
import { reducingState } from '../process/state-spec.ts';
import { CONTINUE, FIRE, type OnMergeContext, Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import { type Window, windowStartMs } from './window.ts';

const STATES = { nextFireMs: reducingState(long(), (a, b) => Math.min(a, b)) };
type States = typeof STATES;

/** Fires at every multiple of an interval of event time, and at the end of the window. */
export class ContinuousEventTimeTrigger extends Trigger<unknown, Window, States> {
  override readonly states: States = STATES;
  readonly #intervalMs: number;

  constructor(intervalMs: number) {
    super();
    if (!(intervalMs > 0))
      throw new UserError('CONFIGURATION', `a trigger's interval must be positive, found ${intervalMs} ms`);
    this.#intervalMs = intervalMs;
  }

  static of(interval: Duration): ContinuousEventTimeTrigger {
    return new ContinuousEventTimeTrigger(durationMs(interval));
  }

  onElement(_value: unknown, timestampMs: number, window: Window, context: TriggerContext<States>): TriggerResult {
    if (window.maxTimestampMs <= context.currentWatermarkMs) return FIRE;
    context.registerEventTimeTimer(window.maxTimestampMs);
    if (context.state.nextFireMs.get() === undefined) {
      this.#registerNext(windowStartMs(timestampMs, 0, this.#intervalMs), window, context);
    }
    return CONTINUE;
  }

  override onEventTime(timestampMs: number, window: Window, context: TriggerContext<States>): TriggerResult {
    if (timestampMs === window.maxTimestampMs) return FIRE;
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
    if (nextFireMs !== undefined) context.registerEventTimeTimer(nextFireMs);
  }

  clear(_window: Window, context: TriggerContext<States>): void {
    const nextFireMs = context.state.nextFireMs.get();
    if (nextFireMs === undefined) return;
    context.deleteEventTimeTimer(nextFireMs);
    context.state.nextFireMs.clear();
  }

  #registerNext(fromMs: number, window: Window, context: TriggerContext<States>): void {
    const { maxTimestampMs } = window;
    // At the end of the input a window without end fires once more, not for every interval until the end of time.
    const isOver = maxTimestampMs === MAX_TIMESTAMP_MS && context.currentWatermarkMs === MAX_TIMESTAMP_MS;
    const nextFireMs = isOver ? maxTimestampMs : Math.min(fromMs + this.#intervalMs, maxTimestampMs);
    context.state.nextFireMs.add(nextFireMs);
    context.registerEventTimeTimer(nextFireMs);
  }
}
