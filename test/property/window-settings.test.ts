import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputTag } from '../../engine/task/output-tag.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Collector } from '../../operators/process/collector.ts';
import { valueState } from '../../operators/process/state-spec.ts';
import { ContinuousEventTimeTrigger } from '../../operators/window/continuous-event-time-trigger.ts';
import { ContinuousProcessingTimeTrigger } from '../../operators/window/continuous-processing-time-trigger.ts';
import { CountTrigger } from '../../operators/window/count-trigger.ts';
import { createWindowOperator, type WindowAccumulation } from '../../operators/window/create-window-operator.ts';
import { DeltaTrigger } from '../../operators/window/delta-trigger.ts';
import { EndOfStreamTrigger } from '../../operators/window/end-of-stream-trigger.ts';
import { EventTimeTrigger } from '../../operators/window/event-time-trigger.ts';
import { countEvictor, deltaEvictor, type Evictor, timeEvictor } from '../../operators/window/evictor.ts';
import { SlidingEventTimeWindows, SlidingProcessingTimeWindows } from '../../operators/window/fixed-windows.ts';
import { GlobalWindows } from '../../operators/window/global-windows.ts';
import { NeverTrigger } from '../../operators/window/never-trigger.ts';
import { ProcessingTimeTrigger } from '../../operators/window/processing-time-trigger.ts';
import { ProcessingTimeoutTrigger } from '../../operators/window/processing-timeout-trigger.ts';
import { PurgingTrigger } from '../../operators/window/purging-trigger.ts';
import { EventTimeSessionWindows, ProcessingTimeSessionWindows } from '../../operators/window/session-windows.ts';
import type { Trigger } from '../../operators/window/trigger.ts';
import { TimeWindow, type Window } from '../../operators/window/window.ts';
import type { WindowAssigner } from '../../operators/window/window-assigner.ts';
import { defineWindowFunction } from '../../operators/window/window-function.ts';
import { array } from '../../state/schema/collections.ts';
import { record as recordSchema } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { RescaledHarness } from './rescaled-harness.ts';
import { type AssignerSpec, type EvictorSpec, type Firing, WindowModel } from './window-model.ts';
import { MAX_MS, type TriggerSpec } from './window-model-triggers.ts';

const Event = recordSchema('Event', { key: string(), values: array(long()) });
type Event = Infer<typeof Event>;

const LATE = new OutputTag<Event>('late');
const TOTALS = new OutputTag<string>('totals');
const valueOf = (event: Event): number => event.values[0]!;

type Form = 'list' | 'reduce' | 'aggregate';

interface Settings {
  readonly assigner: AssignerSpec;
  readonly trigger: TriggerSpec | undefined;
  readonly evictor: EvictorSpec | undefined;
  readonly latenessMs: number;
  readonly form: Form;
  readonly hasLateTag: boolean;
  readonly keepsWindowState: boolean;
  readonly keepsGlobalState: boolean;
}

type Step =
  | { readonly do: 'record'; readonly key: string; readonly value: number; readonly timestampMs: number }
  | { readonly do: 'watermark'; readonly atMs: number }
  | { readonly do: 'clock'; readonly atMs: number }
  /** Watermarks start anew: at once with the one there was, or later, maybe with an earlier one. */
  | { readonly do: 'restore'; readonly parallelism: number; readonly resumes: boolean };

function assignerOf(spec: AssignerSpec): WindowAssigner<Event, Window> {
  const { kind, isEventTime, sizeMs, slideMs, offsetMs, gapMs, gapCount } = spec;
  const gapOf = (event: Event): number => gapMs * (1 + (valueOf(event) % gapCount));
  const options = { offset: offsetMs };
  if (kind === 'global') return GlobalWindows.create() as never;
  if (kind === 'session')
    return (
      isEventTime ? EventTimeSessionWindows.withDynamicGap(gapOf) : ProcessingTimeSessionWindows.withDynamicGap(gapOf)
    ) as never;
  return (
    isEventTime
      ? SlidingEventTimeWindows.of(sizeMs, slideMs, options)
      : SlidingProcessingTimeWindows.of(sizeMs, slideMs, options)
  ) as never;
}

/** Not the default one, so that the plain operator is taken, whatever else is. */
class PlainEventTimeTrigger extends EventTimeTrigger {}

function triggerOf(spec: TriggerSpec): Trigger<Event, Window> {
  switch (spec.kind) {
    case 'eventTime':
      return new PlainEventTimeTrigger();
    case 'processingTime':
      return ProcessingTimeTrigger.create();
    case 'endOfStream':
      return EndOfStreamTrigger.create();
    case 'never':
      return NeverTrigger.create();
    case 'count':
      return CountTrigger.of(spec.count) as never;
    case 'continuousEventTime':
      return ContinuousEventTimeTrigger.of(spec.intervalMs) as never;
    case 'continuousProcessingTime':
      return ContinuousProcessingTimeTrigger.of(spec.intervalMs) as never;
    case 'delta':
      return DeltaTrigger.of<Event>(spec.threshold, (last, event) => valueOf(event) - valueOf(last), Event) as never;
    case 'purging':
      return PurgingTrigger.of(triggerOf(spec.of));
    case 'timeout':
      return ProcessingTimeoutTrigger.of(triggerOf(spec.of), spec.timeoutMs, {
        resetTimerOnNewRecord: spec.resets,
        shouldClearOnTimeout: spec.clears,
      }) as never;
  }
}

function evictorOf({ kind, arg, after }: EvictorSpec): Evictor<Event> {
  const options = { doEvictAfter: after };
  if (kind === 'count') return countEvictor(arg, options);
  if (kind === 'time') return timeEvictor(arg, options);
  return deltaEvictor(arg, (element, last) => valueOf(last) - valueOf(element), options);
}

const ACCUMULATIONS: Readonly<Record<Form, WindowAccumulation<Event, Event | readonly number[]>>> = {
  list: { kind: 'list', schema: Event },
  reduce: { kind: 'reduce', schema: Event, reduce: (a, b) => ({ key: a.key, values: [...a.values, ...b.values] }) },
  aggregate: {
    kind: 'aggregate',
    schema: Event,
    aggregate: {
      accumulatorSchema: array(long()),
      createAccumulator: () => [] as number[],
      add: (values, event) => [...(values as number[]), valueOf(event)],
      merge: (a, b) => [...(a as number[]), ...(b as number[])],
      getResult: (values) => values as number[],
    },
  },
};

/** Emits what it sees of a window, in which firing; and for the key on the side. */
function createOperator(settings: Settings): StreamOperator<Firing> {
  const { assigner, trigger, evictor, latenessMs, form, hasLateTag, keepsWindowState, keepsGlobalState } = settings;
  const logic = defineWindowFunction({
    windowState: keepsWindowState ? { count: valueState(long()) } : undefined,
    globalState: keepsGlobalState ? { count: valueState(long()) } : undefined,
    process(key: string, context, elements: readonly (Event | readonly number[])[], out: Collector<Firing>) {
      const values = elements.flatMap((element) =>
        Array.isArray(element) ? (element as readonly number[]) : (element as Event).values,
      );
      const earlierCount = context.windowState.count?.value() ?? 0;
      context.windowState.count?.update(earlierCount + 1);
      const total = (context.globalState.count?.value() ?? 0) + 1;
      context.globalState.count?.update(total);
      const endMs = context.window instanceof TimeWindow ? context.window.endMs : Infinity;
      if (keepsGlobalState) context.output(TOTALS, `${key} ${total}`);
      out.collect({ key, endMs, values, earlierCount });
    },
    ...(keepsWindowState ? { clear: (context: never) => clearCount(context) } : {}),
  });
  const operator: unknown = createWindowOperator(
    {
      assigner: assignerOf(assigner),
      trigger: trigger === undefined ? undefined : triggerOf(trigger),
      evictor: evictor === undefined ? undefined : (evictorOf(evictor) as never),
      allowedLatenessMs: latenessMs,
      lateTag: hasLateTag ? LATE : undefined,
    },
    ACCUMULATIONS[form],
    logic as never,
  );
  return operator as StreamOperator<Firing>;
}

function clearCount(context: { readonly windowState: { readonly count: { clear(): void } } }): void {
  context.windowState.count.clear();
}

/** Firings of one step in an order of their own; records of a session or of slices have no order between them. */
function comparable(firings: readonly Firing[], { assigner, trigger, form, keepsWindowState }: Settings): string[] {
  const isSliced = form === 'aggregate' && trigger === undefined;
  const inOrder = assigner.kind !== 'session' && !isSliced;
  return firings
    .map(({ key, endMs, values, earlierCount }) => {
      const shown = inOrder ? values : values.toSorted((a, b) => a - b);
      return JSON.stringify([key, endMs, shown, keepsWindowState ? earlierCount : 0]);
    })
    .toSorted();
}

/** Firings of the same window in the same step keep their order. */
async function check(
  settings: Settings,
  steps: readonly Step[],
  backend: (typeof TEST_BACKENDS)[number],
): Promise<void> {
  const { assigner, trigger, form, keepsGlobalState } = settings;
  const plain: TriggerSpec = {
    kind: assigner.kind === 'global' ? 'never' : assigner.isEventTime ? 'eventTime' : 'processingTime',
  };
  const model = new WindowModel({ ...settings, trigger: trigger ?? plain }, 1000);
  const harness = new RescaledHarness<Event, Firing>(
    () => createOperator(settings),
    ({ key }) => key,
    backend,
  );
  await harness.open();
  await harness.processWatermark(1000);
  let watermarkMs = 1000;
  let late = 0;
  const totals = new Map<string, number>();
  const compareStep = (what: string): void => {
    const records = harness.takeRecords();
    const found = records.map(({ value }) => value);
    // A reduction of nothing, which an evictor may leave, is nothing.
    const expected = model
      .takeFirings()
      .map((firing) => (assigner.kind === 'global' ? { ...firing, endMs: Infinity } : firing));
    expect(comparable(found, settings), what).toEqual(comparable(expected, settings));
    for (const { value, timestampMs } of records) expect(timestampMs).toBe(Math.min(value.endMs - 1, MAX_MS));
    const expectedTotals: string[] = [];
    for (const { key } of expected) {
      totals.set(key, (totals.get(key) ?? 0) + 1);
      expectedTotals.push(`${key} ${totals.get(key)}`);
    }
    const foundTotals = harness.takeSideOutput(TOTALS).map(({ value }) => value);
    if (keepsGlobalState) expect(foundTotals.toSorted(), what).toEqual(expectedTotals.toSorted());
  };
  for (const [index, step] of steps.entries()) {
    if (step.do === 'record') {
      harness.processElement({ key: step.key, values: [step.value] }, step.timestampMs);
      model.record(step.key, step.value, step.timestampMs);
    } else if (step.do === 'watermark') {
      watermarkMs = step.atMs;
      await harness.processWatermark(step.atMs);
      model.watermark(step.atMs);
    } else if (step.do === 'clock') {
      await harness.setProcessingTime(step.atMs);
      model.clock(step.atMs);
    } else {
      await harness.restore(step.parallelism);
      model.restart();
      if (step.resumes) await harness.processWatermark(watermarkMs);
      if (step.resumes) model.watermark(watermarkMs);
    }
    late += harness.takeSideOutput(LATE).length;
    compareStep(`step ${index}: ${JSON.stringify(step)}, ${form}`);
  }
  expect(settings.hasLateTag ? late : harness.lateDroppedCount()).toBe(model.lateCount);
  const end = async (endMs: number): Promise<void> => {
    await harness.processWatermark(endMs);
    model.watermark(endMs);
    compareStep(`watermark ${endMs} at the end, ${form}`);
  };
  await end(5000);
  if (assigner.kind !== 'global') {
    // No timer is left once every window is gone, whatever its trigger has set.
    await harness.setProcessingTime(5000);
    model.clock(5000);
    compareStep(`clock 5000 at the end, ${form}`);
    await end(6000);
    expect(harness.leftOver()[2]).toBe(0);
  }
  await end(MAX_MS);
  const [keys, eventTimeTimers] = harness.leftOver();
  expect(eventTimeTimers).toBe(0);
  if (assigner.kind !== 'global' && !keepsGlobalState) expect(keys).toBe(0);
  await harness.close();
}

const simpleTrigger: fc.Arbitrary<TriggerSpec> = fc.oneof(
  fc.constantFrom<TriggerSpec>({ kind: 'eventTime' }, { kind: 'processingTime' }, { kind: 'never' }),
  fc.integer({ min: 1, max: 4 }).map((count): TriggerSpec => ({ kind: 'count', count })),
  fc
    .record({
      kind: fc.constantFrom('continuousEventTime' as const, 'continuousProcessingTime' as const),
      intervalMs: fc.integer({ min: 2, max: 15 }),
    })
    .map((spec): TriggerSpec => spec),
  fc.constant<TriggerSpec>({ kind: 'endOfStream' }),
);

/** Not for windows that merge. */
const anyTrigger: fc.Arbitrary<TriggerSpec> = fc.oneof(
  { weight: 3, arbitrary: simpleTrigger },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 4 }).map((threshold): TriggerSpec => ({ kind: 'delta', threshold })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        of: simpleTrigger,
        timeoutMs: fc.integer({ min: 1, max: 20 }),
        resets: fc.boolean(),
        clears: fc.boolean(),
      })
      .map((spec): TriggerSpec => ({ kind: 'timeout', ...spec })),
  },
);

const assigner: fc.Arbitrary<AssignerSpec> = fc
  .record({
    kind: fc.constantFrom(
      'fixed' as const,
      'fixed' as const,
      'session' as const,
      'session' as const,
      'global' as const,
    ),
    isEventTime: fc.constantFrom(true, true, false),
    slices: fc.constantFrom(1, 1, 2, 3, 0),
    slideMs: fc.integer({ min: 2, max: 20 }),
    remainderMs: fc.integer({ min: 0, max: 3 }),
    offset: fc.integer({ min: -99, max: 99 }).map((percent) => percent / 100),
    gapMs: fc.integer({ min: 1, max: 15 }),
    gapCount: fc.constantFrom(1, 2, 3),
  })
  .map(({ slices, remainderMs, offset, ...spec }) => ({
    ...spec,
    isEventTime: spec.kind !== 'global' && spec.isEventTime,
    // No slice: windows with gaps between them.
    sizeMs: slices === 0 ? Math.ceil(spec.slideMs / 2) : spec.slideMs * slices + (slices > 1 ? remainderMs : 0),
    offsetMs: Math.trunc(offset * spec.slideMs),
  }));

const evictor: fc.Arbitrary<EvictorSpec> = fc.record({
  kind: fc.constantFrom('count' as const, 'time' as const, 'delta' as const),
  arg: fc.integer({ min: 1, max: 6 }),
  after: fc.boolean(),
});

const settings: fc.Arbitrary<Settings> = assigner.chain((spec) => {
  const trigger = spec.kind === 'session' ? simpleTrigger : anyTrigger;
  return fc.record({
    assigner: fc.constant(spec),
    trigger: fc.option(
      fc.oneof(
        trigger,
        trigger,
        trigger.map((of): TriggerSpec => ({ kind: 'purging', of })),
      ),
      { nil: undefined, freq: 2 },
    ),
    // Which record of a session comes last is left open when it joined two of them.
    evictor: spec.kind === 'session' ? fc.constant(undefined) : fc.option(evictor, { nil: undefined, freq: 2 }),
    latenessMs: fc.constantFrom(0, 0, 7, 40),
    form: fc.constantFrom<Form>('list', 'reduce', 'aggregate'),
    hasLateTag: fc.boolean(),
    keepsWindowState: spec.kind === 'session' ? fc.constant(false) : fc.boolean(),
    keepsGlobalState: fc.boolean(),
  });
});

const drafts = fc.array(
  fc.record({
    kind: fc.integer({ min: 0, max: 99 }),
    key: fc.constantFrom('a', 'a', 'b', 'c', 'd'),
    permille: fc.integer({ min: -1000, max: 1000 }),
    value: fc.integer({ min: 1, max: 9 }),
  }),
  { minLength: 10, maxLength: 50, size: 'max' },
);

const steps: fc.Arbitrary<Step[]> = drafts.map((list) => {
  let watermarkMs = 1000;
  let nowMs = 0;
  return list.map(({ kind, key, permille, value }): Step => {
    if (kind < 60) return { do: 'record', key, value, timestampMs: Math.round(watermarkMs + permille * 0.06) };
    const byMs = 1 + Math.floor(Math.abs(permille) * 0.03);
    if (kind < 78) return { do: 'watermark', atMs: (watermarkMs += byMs) };
    if (kind < 94) return { do: 'clock', atMs: (nowMs += byMs) };
    const resumes = permille < 0;
    if (!resumes) watermarkMs -= Math.floor(permille * 0.08);
    return { do: 'restore', parallelism: 1 + (value % 3), resumes };
  });
});

for (const backend of TEST_BACKENDS) {
  test(`windows of any setting fire as the model does, at every step and parallelism (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(settings, steps, (setting, list) => check(setting, list, backend)),
      { numRuns: 150 },
    );
  });
}
