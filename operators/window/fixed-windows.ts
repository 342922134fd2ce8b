import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';
import type { Namespace } from '../../state/keyed/key.ts';
import { EventTimeTrigger } from './event-time-trigger.ts';
import { ProcessingTimeTrigger } from './processing-time-trigger.ts';
import type { Trigger } from './trigger.ts';
import { requireTimestamp, WindowAssigner, type WindowAssignerContext } from './window-assigner.ts';
import { TimeWindow, windowStartMs } from './window.ts';
import { staggerOffsetMs, type WindowStagger } from './window-stagger.ts';

/** More windows per record than this are a mistake. */
export const WINDOWS_PER_RECORD_MAX = 10_000_000;

export interface FixedWindowsOptions {
  readonly sizeMs: number;
  readonly slideMs: number;
  /** Windows start at this, modulo the slide. */
  readonly offsetMs: number;
  readonly stagger: WindowStagger;
}

/** Windows of one size that start every `slideMs`. Their start is their namespace. */
export abstract class FixedWindows extends WindowAssigner<unknown, TimeWindow> {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly stagger: WindowStagger;
  readonly #offsetMs: number;
  /** The windows of all times in [from, to). */
  #latest: readonly TimeWindow[] = [];
  #latestFromMs = Number.NaN;
  #latestToMs = Number.NaN;

  constructor({ sizeMs, slideMs, offsetMs, stagger }: FixedWindowsOptions) {
    super();
    if (!(Number.isInteger(sizeMs) && sizeMs > 0 && Number.isInteger(slideMs) && slideMs > 0)) {
      throw new UserError(
        'CONFIGURATION',
        `a window's size and slide must be positive, found ${sizeMs} and ${slideMs} ms`,
      );
    }
    if (!(Number.isInteger(offsetMs) && Math.abs(offsetMs) < slideMs)) {
      throw new UserError(
        'CONFIGURATION',
        `a window's offset must be less than ${slideMs} ms either way, found ${offsetMs} ms`,
      );
    }
    if (sizeMs / slideMs > WINDOWS_PER_RECORD_MAX) {
      throw new UserError(
        'CONFIGURATION',
        `a record would belong to ${sizeMs / slideMs} windows, more than ${WINDOWS_PER_RECORD_MAX}`,
      );
    }
    this.sizeMs = sizeMs;
    this.slideMs = slideMs;
    this.stagger = stagger;
    this.#offsetMs = offsetMs;
  }

  /** The offset with the stagger, which a subtask's first call fixes. */
  offsetMs(context: WindowAssignerContext): number {
    if (this.stagger === 'aligned') return this.#offsetMs;
    context.staggerOffsetMs ??= staggerOffsetMs(this.stagger, this.slideMs, context);
    return (this.#offsetMs + context.staggerOffsetMs) % this.slideMs;
  }

  /** The windows of a time, the latest first. */
  windowsAt(timeMs: number, context: WindowAssignerContext): readonly TimeWindow[] {
    // Hot: most records have the windows of the one before them (test/bench/operators/windows.bench.ts).
    if (timeMs >= this.#latestFromMs && timeMs < this.#latestToMs) return this.#latest;
    const { sizeMs, slideMs } = this;
    const lastStartMs = windowStartMs(timeMs, this.offsetMs(context), slideMs);
    if (sizeMs === slideMs && this.#latest[0]?.startMs === lastStartMs) return this.#latest;
    const windows: TimeWindow[] = [];
    let startMs = lastStartMs;
    for (; startMs > timeMs - sizeMs; startMs -= slideMs) windows.push(new TimeWindow(startMs, startMs + sizeMs));
    if (windows.length === 0) return windows;
    this.#latest = windows;
    // Staggered windows are other ones in each subtask.
    if (this.stagger !== 'aligned') return windows;
    // From the end of the window before these, or the start of the last; until the next window starts, or the first one ends.
    this.#latestFromMs = Math.max(lastStartMs, startMs + sizeMs);
    this.#latestToMs = Math.min(lastStartMs + slideMs, startMs + slideMs + sizeMs);
    return windows;
  }

  namespaceOf(window: TimeWindow): Namespace {
    return window.startMs;
  }

  windowOf(namespace: Namespace): TimeWindow {
    return new TimeWindow(namespace as number, (namespace as number) + this.sizeMs);
  }
}

export class FixedEventTimeWindows extends FixedWindows {
  readonly isEventTime = true;

  assignWindows(_value: unknown, timestampMs: number, context: WindowAssignerContext): readonly TimeWindow[] {
    requireTimestamp(timestampMs);
    return this.windowsAt(timestampMs, context);
  }

  defaultTrigger(): Trigger<unknown, TimeWindow> {
    return EventTimeTrigger.create();
  }
}

export class FixedProcessingTimeWindows extends FixedWindows {
  readonly isEventTime = false;

  assignWindows(_value: unknown, _timestampMs: number, context: WindowAssignerContext): readonly TimeWindow[] {
    return this.windowsAt(context.currentProcessingTimeMs(), context);
  }

  defaultTrigger(): Trigger<unknown, TimeWindow> {
    return ProcessingTimeTrigger.create();
  }
}

export interface TumblingOptions {
  /** Windows start at this, modulo the size. Default 0. */
  readonly offset?: Duration | undefined;
  /** Default `aligned`. */
  readonly stagger?: WindowStagger | undefined;
}

/** Windows of one size, one after the other: `TumblingEventTimeWindows.of('1m')`. */
export class TumblingEventTimeWindows extends FixedEventTimeWindows {
  static of(size: Duration, options: TumblingOptions = {}): TumblingEventTimeWindows {
    return new TumblingEventTimeWindows(tumbling(size, options));
  }
}

export class TumblingProcessingTimeWindows extends FixedProcessingTimeWindows {
  static of(size: Duration, options: TumblingOptions = {}): TumblingProcessingTimeWindows {
    return new TumblingProcessingTimeWindows(tumbling(size, options));
  }
}

export interface SlidingOptions {
  /** Windows start at this, modulo the slide. Default 0. */
  readonly offset?: Duration | undefined;
}

/** Windows of one size that overlap: `SlidingEventTimeWindows.of('10m', '1m')` starts one every minute. */
export class SlidingEventTimeWindows extends FixedEventTimeWindows {
  static of(size: Duration, slide: Duration, options: SlidingOptions = {}): SlidingEventTimeWindows {
    return new SlidingEventTimeWindows(sliding(size, slide, options));
  }
}

export class SlidingProcessingTimeWindows extends FixedProcessingTimeWindows {
  static of(size: Duration, slide: Duration, options: SlidingOptions = {}): SlidingProcessingTimeWindows {
    return new SlidingProcessingTimeWindows(sliding(size, slide, options));
  }
}

function tumbling(size: Duration, { offset = 0, stagger = 'aligned' }: TumblingOptions): FixedWindowsOptions {
  const sizeMs = durationMs(size);
  return { sizeMs, slideMs: sizeMs, offsetMs: durationMs(offset), stagger };
}

function sliding(size: Duration, slide: Duration, { offset = 0 }: SlidingOptions): FixedWindowsOptions {
  return { sizeMs: durationMs(size), slideMs: durationMs(slide), offsetMs: durationMs(offset), stagger: 'aligned' };
}
