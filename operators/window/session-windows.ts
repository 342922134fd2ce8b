import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';
import { MAX_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import type { Namespace } from '../../state/keyed/key.ts';
import { EventTimeTrigger } from './event-time-trigger.ts';
import { mergeTimeWindows } from './merge-time-windows.ts';
import { ProcessingTimeTrigger } from './processing-time-trigger.ts';
import type { Trigger } from './trigger.ts';
import {
  MergingWindowAssigner,
  type OnMerge,
  requireTimestamp,
  type WindowAssignerContext,
} from './window-assigner.ts';
import { TimeWindow } from './window.ts';

/** The gap in milliseconds after a record, from the record. */
export type SessionGapExtractor<T> = (value: T) => number;

/** Windows that grow as long as records keep coming; `start:end` is their namespace. */
export abstract class SessionWindows<T> extends MergingWindowAssigner<T, TimeWindow> {
  mergeWindows(windows: readonly TimeWindow[], onMerge: OnMerge<TimeWindow>): void {
    mergeTimeWindows(windows, onMerge);
  }

  namespaceOf(window: TimeWindow): string {
    return `${window.startMs}:${window.endMs}`;
  }

  windowOf(namespace: Namespace): TimeWindow {
    const text = String(namespace);
    const at = text.indexOf(':');
    return new TimeWindow(Number(text.slice(0, at)), Number(text.slice(at + 1)));
  }
}

/** A session ends when no record of the key came for the gap: `EventTimeSessionWindows.withGap('30m')`. */
export class EventTimeSessionWindows<T = unknown> extends SessionWindows<T> {
  readonly isEventTime = true;
  readonly #gapOf: SessionGapExtractor<T>;

  constructor(gap: number | SessionGapExtractor<T>) {
    super();
    if (typeof gap === 'number') checkedGapMs(gap);
    this.#gapOf = typeof gap === 'number' ? () => gap : gap;
  }

  static withGap(gap: Duration): EventTimeSessionWindows {
    return new EventTimeSessionWindows(durationMs(gap));
  }

  static withDynamicGap<T>(gapOf: SessionGapExtractor<T>): EventTimeSessionWindows<T> {
    return new EventTimeSessionWindows(gapOf);
  }

  assignWindows(value: T, timestampMs: number): readonly TimeWindow[] {
    requireTimestamp(timestampMs);
    return [new TimeWindow(timestampMs, sessionEndMs(timestampMs, this.gapMsOf(value)))];
  }

  gapMsOf(value: T): number {
    return checkedGapMs(this.#gapOf(value));
  }

  defaultTrigger(): Trigger<T, TimeWindow> {
    return EventTimeTrigger.create();
  }
}

export class ProcessingTimeSessionWindows<T = unknown> extends SessionWindows<T> {
  readonly isEventTime = false;
  readonly #gapOf: SessionGapExtractor<T>;

  constructor(gap: number | SessionGapExtractor<T>) {
    super();
    this.#gapOf = typeof gap === 'number' ? () => gap : gap;
  }

  static withGap(gap: Duration): ProcessingTimeSessionWindows {
    return new ProcessingTimeSessionWindows(checkedGapMs(durationMs(gap)));
  }

  static withDynamicGap<T>(gapOf: SessionGapExtractor<T>): ProcessingTimeSessionWindows<T> {
    return new ProcessingTimeSessionWindows(gapOf);
  }

  assignWindows(value: T, _timestampMs: number, context: WindowAssignerContext): readonly TimeWindow[] {
    const nowMs = context.currentProcessingTimeMs();
    return [new TimeWindow(nowMs, sessionEndMs(nowMs, checkedGapMs(this.#gapOf(value))))];
  }

  defaultTrigger(): Trigger<T, TimeWindow> {
    return ProcessingTimeTrigger.create();
  }
}

/** End of a session after its last record, exclusive; at most just behind the largest timestamp. */
export function sessionEndMs(timestampMs: number, gapMs: number): number {
  return Math.min(timestampMs + gapMs, MAX_TIMESTAMP_MS + 1);
}

function checkedGapMs(gapMs: number): number {
  if (gapMs > 0) return gapMs;
  throw new UserError('CONFIGURATION', `a session's gap must be positive, found ${gapMs} ms`);
}
