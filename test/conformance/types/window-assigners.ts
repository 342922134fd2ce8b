import {
  SlidingEventTimeWindows,
  SlidingProcessingTimeWindows,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
} from '../../../operators/window/fixed-windows.ts';
import { GlobalWindows } from '../../../operators/window/global-windows.ts';
import { MergingWindowSet } from '../../../operators/window/merging-window-set.ts';
import {
  EventTimeSessionWindows,
  ProcessingTimeSessionWindows,
  SessionWindows,
} from '../../../operators/window/session-windows.ts';
import { TimeWindow, type Window, windowStartMs } from '../../../operators/window/window.ts';
import type { MergingWindowAssigner, WindowAssigner } from '../../../operators/window/window-assigner.ts';
import type { WindowStagger } from '../../../operators/window/window-stagger.ts';
import { EventTimeTrigger } from '../../../operators/window/event-time-trigger.ts';
import type { Trigger } from '../../../operators/window/trigger.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { NotCovered, type VectorType } from '../observed.ts';
import { printTime, timeMs, type VectorWindow } from '../vector.ts';
import { AnyJson } from './any-json.ts';

/** A value `[key, number]`. */
export type PairValue = readonly [key: string, number: number];

export const Pair: Schema<PairValue> = AnyJson as Schema<PairValue>;

interface AssignerSpec {
  readonly kind: string;
  readonly size?: number;
  readonly slide?: number;
  readonly gap?: number | string;
  readonly offset?: number;
  readonly stagger?: string;
}

/** Number 33 is a window of its own, empty; anything else opens a session. */
class PointSessionWindows extends SessionWindows<PairValue> {
  readonly isEventTime = true;
  readonly #gapMs: number;

  constructor(gapMs: number) {
    super();
    this.#gapMs = gapMs;
  }

  assignWindows([, number]: PairValue, timestampMs: number): readonly TimeWindow[] {
    return [new TimeWindow(timestampMs, number === 33 ? timestampMs : timestampMs + this.#gapMs)];
  }

  defaultTrigger(): Trigger<unknown, TimeWindow> {
    return EventTimeTrigger.create();
  }
}

const dynamicGapMs = ([key, number]: PairValue): number =>
  key === 'key1' ? 3000 : key === 'key2' && number === 10 ? 1000 : 2000;

/** @returns what makes the assigner: one per operator. */
export function windowAssignerOf(spec: AssignerSpec): () => WindowAssigner<PairValue, Window> {
  const { size, slide, gap, offset = 0 } = spec;
  const stagger = (spec.stagger ?? 'ALIGNED').toLowerCase() as WindowStagger;
  switch (spec.kind) {
    case 'tumblingEventTime':
      return () => TumblingEventTimeWindows.of(size!, { offset, stagger });
    case 'tumblingProcessingTime':
      return () => TumblingProcessingTimeWindows.of(size!, { offset, stagger });
    case 'slidingEventTime':
      return () => SlidingEventTimeWindows.of(size!, slide!, { offset });
    case 'slidingProcessingTime':
      return () => SlidingProcessingTimeWindows.of(size!, slide!, { offset });
    case 'eventTimeSession':
      return () => EventTimeSessionWindows.withGap(gap!);
    case 'processingTimeSession':
      return () => ProcessingTimeSessionWindows.withGap(gap!);
    case 'dynamicEventTimeSession':
      return () => EventTimeSessionWindows.withDynamicGap(dynamicGapMs);
    case 'dynamicProcessingTimeSession':
      return () => ProcessingTimeSessionWindows.withDynamicGap(dynamicGapMs);
    case 'pointSession':
      return () => new PointSessionWindows(gap as number);
    case 'global':
      return () => GlobalWindows.create();
    default:
      throw new NotCovered(`assigner ${spec.kind}`);
  }
}

export const windowAssigner: VectorType = (vector, observed) => {
  const assigner = windowAssignerOf(vector.operator as unknown as AssignerSpec)();
  const nowMs = (vector.operator['currentProcessingTime'] as number | undefined) ?? 0;
  return {
    step(step) {
      const windows = assigner.assignWindows(['key1', 1], timeMs(step.ts), {
        currentProcessingTimeMs: () => nowMs,
        random: () => 0,
      });
      observed.assert({ windows: windows.map((window) => printWindow(window as TimeWindow)) });
    },
  };
};

export const windowStart: VectorType = (_vector, observed) => ({
  step: (step) => observed.assert({ start: printTime(windowStartMs(timeMs(step.ts), step.offset!, step.size!)) }),
});

export const windowIntersects: VectorType = (_vector, observed) => ({
  step: (step) => observed.assert({ result: parseWindow(step.a!).intersects(parseWindow(step.b!)) }),
});

export const mergeWindows: VectorType = (vector, observed) => {
  const assigner = EventTimeSessionWindows.withGap((vector.operator['gap'] as number | undefined) ?? 1);
  return {
    step(step) {
      assigner.mergeWindows(step.windows!.map(parseWindow), (merged, from) =>
        observed.emit({ merged: printWindow(merged), from: from.map(printWindow) }),
      );
    },
  };
};

export const mergingWindowSet: VectorType = (vector, observed) => {
  const assigner = windowAssignerOf(vector.operator as unknown as AssignerSpec)();
  const set = new MergingWindowSet(assigner as unknown as MergingWindowAssigner<never, TimeWindow>);
  return {
    step(step) {
      let merge: unknown = null;
      const result = set.addWindow(
        parseWindow(step.window!),
        ({ target, stateWindow, sources, mergedStateWindows }) => {
          merge = {
            target: printWindow(target),
            stateWindow: printWindow(stateWindow),
            sources: sources.map(printWindow),
            mergedStateWindows: mergedStateWindows.map(printWindow),
          };
        },
      );
      observed.assert({ result: printWindow(result), merge });
    },
  };
};

export function parseWindow([start, end]: VectorWindow): TimeWindow {
  return new TimeWindow(timeMs(start), timeMs(end));
}

export function printWindow({ startMs, endMs }: TimeWindow): VectorWindow {
  return [printTime(startMs), printTime(endMs)];
}
