import type { StateSpecs } from '../process/state-spec.ts';
import {
  FIRE,
  FIRE_AND_PURGE,
  type OnMergeContext,
  Trigger,
  type TriggerContext,
  type TriggerResult,
} from './trigger.ts';
import type { Window } from './window.ts';

/** Turns every FIRE of another trigger into FIRE_AND_PURGE. */
export class PurgingTrigger<T, W extends Window, S extends StateSpecs> extends Trigger<T, W, S> {
  override readonly states: S | undefined;
  readonly nested: Trigger<T, W, S>;

  constructor(nested: Trigger<T, W, S>) {
    super();
    this.nested = nested;
    this.states = nested.states;
  }

  static of<T, W extends Window, S extends StateSpecs>(nested: Trigger<T, W, S>): PurgingTrigger<T, W, S> {
    return new PurgingTrigger(nested);
  }

  onElement(value: T, timestampMs: number, window: W, context: TriggerContext<S>): TriggerResult {
    return purging(this.nested.onElement(value, timestampMs, window, context));
  }

  override onEventTime(timestampMs: number, window: W, context: TriggerContext<S>): TriggerResult {
    return purging(this.nested.onEventTime(timestampMs, window, context));
  }

  override onProcessingTime(timestampMs: number, window: W, context: TriggerContext<S>): TriggerResult {
    return purging(this.nested.onProcessingTime(timestampMs, window, context));
  }

  override get canMerge(): boolean {
    return this.nested.canMerge;
  }

  override onMerge(window: W, context: OnMergeContext<S>): void {
    this.nested.onMerge(window, context);
  }

  clear(window: W, context: TriggerContext<S>): void {
    this.nested.clear(window, context);
  }
}

function purging(result: TriggerResult): TriggerResult {
  return result === FIRE ? FIRE_AND_PURGE : result;
}
