import { UserError } from '../../engine/base/errors.ts';
import { hasTimestamp } from '../../engine/time/timestamps.ts';
import type { Namespace } from '../../state/keyed/key.ts';
import type { Trigger } from './trigger.ts';
import type { Window } from './window.ts';

/** What an assigner may ask the operator. */
export interface WindowAssignerContext {
  /** What the subtask's windows are shifted by; the first record decides. */
  staggerOffsetMs?: number | undefined;
  currentProcessingTimeMs(): number;
  /** Uniform in [0, 1), from the environment. */
  random(): number;
}

/** Puts records into windows. Keeps nothing per key: all subtasks of a thread share one. */
export abstract class WindowAssigner<T, W extends Window> {
  abstract readonly isEventTime: boolean;
  abstract assignWindows(value: T, timestampMs: number, context: WindowAssignerContext): readonly W[];
  abstract defaultTrigger(): Trigger<T, W>;
  /** The window as state and timers know it. Equal windows have equal namespaces. */
  abstract namespaceOf(window: W): Namespace;
  /** The inverse of `namespaceOf`. */
  abstract windowOf(namespace: Namespace): W;
}

/** Tells of one merge: `from`, two or more different windows, become `merged`. */
export type OnMerge<W> = (merged: W, from: readonly W[]) => void;

/** An assigner whose windows grow together: sessions. */
export abstract class MergingWindowAssigner<T, W extends Window> extends WindowAssigner<T, W> {
  /** Calls back for every group of windows that belong together; a window that stays alone causes no call. */
  abstract mergeWindows(windows: readonly W[], onMerge: OnMerge<W>): void;
  abstract override namespaceOf(window: W): string;
}

/** @throws UserError when the record has no timestamp. */
export function requireTimestamp(timestampMs: number): void {
  if (hasTimestamp(timestampMs)) return;
  throw new UserError('JOB_DEFINITION', 'a record without timestamp came to an event-time window', {
    hint: 'Give its source a WatermarkStrategy with withTimestamp(...), or call assignTimestampsAndWatermarks(...) before the window.',
  });
}
