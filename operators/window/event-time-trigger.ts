import { CONTINUE, FIRE, Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

/** Fires when the watermark passes the end of the window; for a record that comes later, at once. */
export class EventTimeTrigger extends Trigger {
  static create(): EventTimeTrigger {
    return INSTANCE;
  }

  onElement(_value: unknown, _timestampMs: number, window: Window, context: TriggerContext): TriggerResult {
    if (window.maxTimestampMs <= context.currentWatermarkMs) return FIRE;
    context.registerEventTimeTimer(window.maxTimestampMs);
    return CONTINUE;
  }

  override onEventTime(timestampMs: number, window: Window): TriggerResult {
    return timestampMs === window.maxTimestampMs ? FIRE : CONTINUE;
  }

  override get canMerge(): boolean {
    return true;
  }

  override onMerge(window: Window, context: TriggerContext): void {
    // Past its end it fires with the record that merged it.
    if (window.maxTimestampMs > context.currentWatermarkMs) context.registerEventTimeTimer(window.maxTimestampMs);
  }

  clear(window: Window, context: TriggerContext): void {
    context.deleteEventTimeTimer(window.maxTimestampMs);
  }
}

const INSTANCE = new EventTimeTrigger();
