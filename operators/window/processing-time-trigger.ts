import { CONTINUE, FIRE, Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

/** Fires when the clock passes the end of the window. */
export class ProcessingTimeTrigger extends Trigger {
  static create(): ProcessingTimeTrigger {
    return INSTANCE;
  }

  onElement(_value: unknown, _timestampMs: number, window: Window, context: TriggerContext): TriggerResult {
    context.registerProcessingTimeTimer(window.maxTimestampMs);
    return CONTINUE;
  }

  override onProcessingTime(): TriggerResult {
    return FIRE;
  }

  override get canMerge(): boolean {
    return true;
  }

  override onMerge(window: Window, context: TriggerContext): void {
    if (window.maxTimestampMs > context.currentProcessingTimeMs)
      context.registerProcessingTimeTimer(window.maxTimestampMs);
  }

  clear(window: Window, context: TriggerContext): void {
    context.deleteProcessingTimeTimer(window.maxTimestampMs);
  }
}

const INSTANCE = new ProcessingTimeTrigger();
