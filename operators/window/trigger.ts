import type { StateHandles, StateSpecs } from '../process/state-spec.ts';
import type { Window } from './window.ts';

/** What happens to a window: bit 0 fires it, bit 1 empties it afterwards. */
export type TriggerResult = 0 | 1 | 2 | 3;

export const CONTINUE = 0;
/** Emit the window's result and keep its contents. */
export const FIRE = 1;
/** Empty the window without a result. */
export const PURGE = 2;
export const FIRE_AND_PURGE = 3;

const NAMES = ['CONTINUE', 'FIRE', 'PURGE', 'FIRE_AND_PURGE'] as const;

export function triggerResultName(result: TriggerResult): (typeof NAMES)[number] {
  return NAMES[result];
}

/** A trigger without state. */
type NoState = {};

/** Clocks, timers and states of a trigger, scoped to the current key and window. */
export interface TriggerContext<S extends StateSpecs = NoState> {
  readonly currentWatermarkMs: number;
  readonly currentProcessingTimeMs: number;
  readonly state: StateHandles<S>;
  registerEventTimeTimer(timestampMs: number): void;
  deleteEventTimeTimer(timestampMs: number): void;
  registerProcessingTimeTimer(timestampMs: number): void;
  deleteProcessingTimeTimer(timestampMs: number): void;
}

export interface OnMergeContext<S extends StateSpecs = NoState> extends TriggerContext<S> {
  /** Folds a state of the windows that merged into that of the new window. Not for value and map states. */
  mergeState(name: keyof S & string): void;
}

/**
 * Decides when a window fires. Keeps nothing itself: state is declared in `states` and reached through the context, one
 * per key and window, so that all windows share a trigger.
 */
export abstract class Trigger<T = unknown, W extends Window = Window, S extends StateSpecs = NoState> {
  readonly states: S | undefined = undefined;

  abstract onElement(value: T, timestampMs: number, window: W, context: TriggerContext<S>): TriggerResult;

  /** A timer that the trigger, or the window's clean-up, has set is due. */
  onEventTime(_timestampMs: number, _window: W, _context: TriggerContext<S>): TriggerResult {
    return CONTINUE;
  }

  onProcessingTime(_timestampMs: number, _window: W, _context: TriggerContext<S>): TriggerResult {
    return CONTINUE;
  }

  /** Whether the trigger works with windows that merge. */
  get canMerge(): boolean {
    return false;
  }

  /** Windows have become `window`: move state there, set its timers. The old windows are cleared afterwards. */
  onMerge(_window: W, _context: OnMergeContext<S>): void {}

  /** The window is gone: delete its states and timers. */
  abstract clear(window: W, context: TriggerContext<S>): void;
}
