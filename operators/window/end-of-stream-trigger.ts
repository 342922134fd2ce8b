import { MAX_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import { CONTINUE, FIRE, Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

/** Fires when the input ends, that is when the watermark reaches MAX. */
export class EndOfStreamTrigger extends Trigger {
  static create(): EndOfStreamTrigger {
    return INSTANCE;
  }

  onElement(_value: unknown, _timestampMs: number, _window: Window, context: TriggerContext): TriggerResult {
    context.registerEventTimeTimer(MAX_TIMESTAMP_MS);
    return CONTINUE;
  }

  override onEventTime(timestampMs: number): TriggerResult {
    return timestampMs === MAX_TIMESTAMP_MS ? FIRE : CONTINUE;
  }

  override get canMerge(): boolean {
    return true;
  }

  override onMerge(_window: Window, context: TriggerContext): void {
    context.registerEventTimeTimer(MAX_TIMESTAMP_MS);
  }

  clear(_window: Window, context: TriggerContext): void {
    context.deleteEventTimeTimer(MAX_TIMESTAMP_MS);
  }
}

const INSTANCE = new EndOfStreamTrigger();
