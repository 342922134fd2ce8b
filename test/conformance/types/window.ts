import { OutputTag } from '../../../engine/task/output-tag.ts';
import { ContinuousEventTimeTrigger } from '../../../operators/window/continuous-event-time-trigger.ts';
import { CountTrigger } from '../../../operators/window/count-trigger.ts';
import { createWindowOperator, type WindowAccumulation } from '../../../operators/window/create-window-operator.ts';
import { EndOfStreamTrigger } from '../../../operators/window/end-of-stream-trigger.ts';
import { EventTimeTrigger } from '../../../operators/window/event-time-trigger.ts';
import { countEvictor, deltaEvictor, type Evictor, timeEvictor } from '../../../operators/window/evictor.ts';
import { ProcessingTimeTrigger } from '../../../operators/window/processing-time-trigger.ts';
import { PurgingTrigger } from '../../../operators/window/purging-trigger.ts';
import {
  CONTINUE,
  FIRE,
  FIRE_AND_PURGE,
  Trigger,
  type TriggerContext,
  type TriggerResult,
} from '../../../operators/window/trigger.ts';
import type { TimeWindow, Window } from '../../../operators/window/window.ts';
import type { WindowAssigner } from '../../../operators/window/window-assigner.ts';
import type { WindowLogic } from '../../../operators/window/window-function.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { NotCovered, type VectorType } from '../observed.ts';
import { timeMs, type VectorTime } from '../vector.ts';
import { harnessRun } from './from-harness.ts';
import { Pair, type PairValue, windowAssignerOf } from './window-assigners.ts';

interface TriggerSpec {
  readonly kind: string;
  readonly n?: number;
  readonly interval?: number;
  readonly of?: TriggerSpec;
}

interface EvictorSpec {
  readonly kind: string;
  readonly arg?: number;
  readonly threshold?: number;
  readonly evictAfter?: boolean;
}

/** Like the event-time trigger, but purges, also when the clean-up timer 100 ms later calls it. */
class AccumulationTrigger extends EventTimeTrigger {
  override onEventTime(timestampMs: number, window: Window): TriggerResult {
    const { maxTimestampMs } = window;
    return timestampMs === maxTimestampMs || timestampMs === maxTimestampMs + 100 ? FIRE_AND_PURGE : CONTINUE;
  }
}

class FireEveryTimeTrigger extends Trigger {
  onElement(): TriggerResult {
    return FIRE;
  }

  override onEventTime(): TriggerResult {
    return FIRE;
  }

  override onProcessingTime(): TriggerResult {
    return FIRE;
  }

  override get canMerge(): boolean {
    return true;
  }

  clear(_window: Window, _context: TriggerContext): void {}
}

export function triggerOf(spec: TriggerSpec): Trigger {
  switch (spec.kind) {
    case 'eventTime':
      return EventTimeTrigger.create();
    case 'processingTime':
      return ProcessingTimeTrigger.create();
    case 'count':
      return CountTrigger.of(spec.n!) as unknown as Trigger;
    case 'continuousEventTime':
      return ContinuousEventTimeTrigger.of(spec.interval!) as unknown as Trigger;
    case 'purging':
      return PurgingTrigger.of(triggerOf(spec.of!));
    case 'endOfStream':
      return EndOfStreamTrigger.create();
    case 'eventTimeAccumGC':
      return new AccumulationTrigger();
    case 'fireEverytime':
      return new FireEveryTimeTrigger();
    default:
      throw new NotCovered(`trigger ${spec.kind}`);
  }
}

function evictorOf(spec: EvictorSpec): Evictor<PairValue> {
  const options = { doEvictAfter: spec.evictAfter === true };
  switch (spec.kind) {
    case 'count':
      return countEvictor(spec.arg!, options);
    case 'time':
      return timeEvictor(spec.arg!, options);
    case 'delta':
      return deltaEvictor(spec.threshold!, (element, last) => last[1] - element[1], options);
    default:
      throw new NotCovered(`evictor ${spec.kind}`);
  }
}

const sum = (elements: readonly PairValue[]): number => elements.reduce((total, [, number]) => total + number, 0);
type Logic = WindowLogic<Key, PairValue, unknown>;

const FUNCTIONS: Readonly<Record<string, Logic>> = {
  sumTuple2: {
    process: (key, _context, elements, out) => {
      if (elements.length > 0) out.collect([key, sum(elements)]);
    },
  },
  session: {
    process: (key, { window }, elements, out) => {
      const { startMs, endMs } = window as TimeWindow;
      out.collect([`${key}-${sum(elements)}`, startMs, endMs]);
    },
  },
  passThrough: {
    process: (_key, _context, elements, out) => {
      for (const element of elements) out.collect(element);
    },
  },
  passThrough2: {
    process: (_key, _context, elements, out) =>
      out.collect(`GOT: ${elements.map(([key, number]) => `(${key},${number})`).join(',')}`),
  },
  empty: { process() {} },
};

const SUM_PAIR = (a: PairValue, b: PairValue): PairValue => [a[0], a[1] + b[1]];

function accumulationOf(state: unknown, hasEvictor: boolean): WindowAccumulation<PairValue, PairValue> {
  if (state === 'list' || hasEvictor) return { kind: 'list', schema: Pair };
  if (state === 'reduce') return { kind: 'reduce', schema: Pair, reduce: SUM_PAIR };
  return {
    kind: 'aggregate',
    aggregate: {
      accumulatorSchema: Pair,
      createAccumulator: () => ['', 0] as const,
      add: (accumulator, value) => SUM_PAIR(value, accumulator as PairValue),
      merge: (a, b) => SUM_PAIR(b as PairValue, a as PairValue),
      getResult: (accumulator) => accumulator as PairValue,
    },
  };
}

export const window: VectorType = (vector, observed, backend) => {
  const { assigner, trigger, evictor, allowedLateness, lateTag, state, fn } = vector.operator;
  const logic = FUNCTIONS[(fn as string).split(':')[0]!];
  if (logic === undefined) throw new NotCovered(`function ${String(fn)}`);
  const createAssigner = windowAssignerOf(assigner as never);
  const triggerSpec = trigger as TriggerSpec | undefined;
  const evictorSpec = evictor as EvictorSpec | undefined;
  const latenessMs = timeMs((allowedLateness ?? 0) as VectorTime);
  return harnessRun(
    () =>
      createWindowOperator<PairValue, PairValue, unknown, Window>(
        {
          assigner: createAssigner() as WindowAssigner<PairValue, Window>,
          trigger: triggerSpec === undefined ? undefined : triggerOf(triggerSpec),
          evictor: evictorSpec === undefined ? undefined : evictorOf(evictorSpec),
          allowedLatenessMs: latenessMs,
          lateTag: typeof lateTag === 'string' ? new OutputTag<PairValue>(lateTag) : undefined,
        },
        accumulationOf(state, evictorSpec !== undefined),
        logic,
      ),
    observed,
    { backend, inputCount: 1, isKeyed: true, listsWatermarks: true },
  );
};
