import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputTag } from '../../engine/task/output-tag.ts';
import type { AggregateFunction } from '../../operators/process/state-spec.ts';
import { createWindowOperator, type WindowAccumulation } from '../../operators/window/create-window-operator.ts';
import { SlidingEventTimeWindows } from '../../operators/window/fixed-windows.ts';
import { EventTimeSessionWindows } from '../../operators/window/session-windows.ts';
import type { TimeWindow } from '../../operators/window/window.ts';
import type { WindowAssigner } from '../../operators/window/window-assigner.ts';
import { array } from '../../state/schema/collections.ts';
import { long, string } from '../../state/schema/scalars.ts';
import { record as recordSchema } from '../../state/schema/record.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { TEST_BACKENDS, type TestBackendKind } from '../harness/operators/backends.ts';
import { type KeyedStep, keyedSteps } from './keyed-steps.ts';
import { RescaledHarness } from './rescaled-harness.ts';

const Event = recordSchema('Event', { key: string(), value: long() });
type Event = Infer<typeof Event>;

/** Result of a window: who, the values in it in their order, and the time it carries. */
type Result = readonly [key: string, values: readonly number[], timestampMs: number];

/** What has to come out per step, and which records are late. */
interface Expected {
  readonly results: Result[][];
  readonly late: number;
}

const LATE = new OutputTag<Event>('late');

const collectValues: AggregateFunction<Event, number[], number[]> = {
  accumulatorSchema: array(long()),
  createAccumulator: () => [],
  // In place, which an accumulator may do.
  add(accumulator, { value }) {
    accumulator.push(value);
    return accumulator;
  },
  merge(a, b) {
    a.push(...b);
    return a;
  },
  getResult: (accumulator) => accumulator.slice(),
};

const ACCUMULATIONS: readonly WindowAccumulation<Event, never>[] = [
  { kind: 'aggregate', aggregate: collectValues as never },
  { kind: 'list', schema: Event },
];

async function replay(
  steps: readonly KeyedStep[],
  assigner: WindowAssigner<Event, TimeWindow>,
  latenessMs: number,
  accumulation: WindowAccumulation<Event, never>,
  backend: TestBackendKind,
): Promise<Expected> {
  const logic = {
    process(key: unknown, _context: unknown, elements: readonly unknown[], out: { collect(value: unknown): void }) {
      const values =
        accumulation.kind === 'list' ? (elements as Event[]).map(({ value }) => value) : (elements[0] as number[]);
      out.collect([key, values]);
    },
  };
  const harness = await new RescaledHarness<Event, unknown>(
    () =>
      createWindowOperator<Event, never, unknown, TimeWindow>(
        { assigner, allowedLatenessMs: latenessMs, lateTag: LATE },
        accumulation,
        logic as never,
      ),
    (event) => event.key,
    backend,
  ).open();
  let late = 0;
  let watermarkMs = 1000;
  await harness.processWatermark(watermarkMs);
  harness.takeOutput();
  const results: Result[][] = [];
  for (const step of steps) {
    late += harness.takeSideOutput(LATE).length;
    if (step.do === 'record') {
      harness.processElement({ key: step.key, value: step.value }, step.timestampMs);
    } else if (step.do === 'advance') {
      watermarkMs += step.byMs;
      await harness.processWatermark(watermarkMs);
    } else {
      await harness.restore(step.parallelism);
      await harness.processWatermark(watermarkMs);
    }
    results.push(
      harness.takeRecords().map(({ value, timestampMs }) => [...(value as [string, number[]]), timestampMs] as const),
    );
  }
  late += harness.takeSideOutput(LATE).length;
  await harness.processWatermark(watermarkMs + 1_000_000);
  expect(harness.leftOver()).toEqual([0, 0, 0]);
  await harness.close();
  return { results, late };
}

const sorted = (results: readonly Result[][], byArrival: boolean): unknown =>
  results.map((step) =>
    step
      .map(([key, values, timestampMs]) =>
        JSON.stringify([timestampMs, key, byArrival ? values : values.toSorted((a, b) => a - b)]),
      )
      .toSorted(),
  );

/** Fixed windows by brute force: every window is looked at on its own, with all records it ever accepted. */
function fixedOracle(
  steps: readonly KeyedStep[],
  sizeMs: number,
  slideMs: number,
  offsetMs: number,
  latenessMs: number,
): Expected {
  const accepted: { readonly key: string; readonly startMs: number; readonly value: number }[] = [];
  const results: Result[][] = [];
  let watermarkMs = 1000;
  let late = 0;
  const resultOf = (key: string, startMs: number): Result => [
    key,
    accepted.filter((entry) => entry.key === key && entry.startMs === startMs).map((entry) => entry.value),
    startMs + sizeMs - 1,
  ];
  for (const step of steps) {
    const out: Result[] = [];
    if (step.do === 'record') {
      let isLate = true;
      const floorMs = Math.floor((step.timestampMs - offsetMs) / slideMs) * slideMs + offsetMs;
      for (let startMs = floorMs; startMs + sizeMs > step.timestampMs; startMs -= slideMs) {
        const lastMs = startMs + sizeMs - 1;
        if (lastMs + latenessMs <= watermarkMs) continue;
        isLate = false;
        accepted.push({ key: step.key, startMs, value: step.value });
        if (lastMs <= watermarkMs) out.push(resultOf(step.key, startMs));
      }
      if (isLate) late++;
    } else if (step.do === 'advance') {
      const beforeMs = watermarkMs;
      watermarkMs += step.byMs;
      const windows = new Map(accepted.map((entry) => [`${entry.key} ${entry.startMs}`, entry]));
      for (const { key, startMs } of windows.values()) {
        const lastMs = startMs + sizeMs - 1;
        if (lastMs > beforeMs && lastMs <= watermarkMs) out.push(resultOf(key, startMs));
      }
    }
    results.push(out);
  }
  return { results, late };
}

interface Interval {
  readonly startMs: number;
  readonly endMs: number;
  readonly values: readonly number[];
}

/** Sessions by brute force: from the intervals of all records that are still kept, joined anew at every step. */
function sessionOracle(steps: readonly KeyedStep[], gapOf: (value: number) => number, latenessMs: number): Expected {
  const kept = new Map<string, Interval[]>([
    ['a', []],
    ['b', []],
    ['c', []],
  ]);
  const results: Result[][] = [];
  let watermarkMs = 1000;
  let late = 0;
  for (const step of steps) {
    const out: Result[] = [];
    if (step.do === 'record') {
      const interval = { startMs: step.timestampMs, endMs: step.timestampMs + gapOf(step.value), values: [step.value] };
      const joined = sessionsOf([...kept.get(step.key)!, interval]);
      const mine = joined.find(({ startMs, endMs }) => startMs <= interval.startMs && endMs >= interval.endMs)!;
      if (mine.endMs - 1 + latenessMs <= watermarkMs) {
        if (step.timestampMs + latenessMs <= watermarkMs) late++;
      } else {
        kept.get(step.key)!.push(interval);
        if (mine.endMs - 1 <= watermarkMs) out.push([step.key, mine.values, mine.endMs - 1]);
      }
    } else if (step.do === 'advance') {
      const beforeMs = watermarkMs;
      watermarkMs += step.byMs;
      for (const [key, intervals] of kept) {
        for (const session of sessionsOf(intervals)) {
          const lastMs = session.endMs - 1;
          if (lastMs > beforeMs && lastMs <= watermarkMs) out.push([key, session.values, lastMs]);
          if (lastMs + latenessMs > watermarkMs) continue;
          kept.set(
            key,
            kept.get(key)!.filter(({ startMs }) => startMs < session.startMs || startMs >= session.endMs),
          );
        }
      }
    }
    results.push(out);
  }
  return { results, late };
}

function sessionsOf(intervals: readonly Interval[]): Interval[] {
  const sessions: Interval[] = [];
  for (const interval of intervals.toSorted((a, b) => a.startMs - b.startMs)) {
    const last = sessions.at(-1);
    if (last === undefined || last.endMs < interval.startMs) sessions.push(interval);
    else {
      const endMs = Math.max(last.endMs, interval.endMs);
      sessions[sessions.length - 1] = { startMs: last.startMs, endMs, values: [...last.values, ...interval.values] };
    }
  }
  return sessions;
}

const fixed = fc.record({
  slices: fc.integer({ min: 1, max: 5 }),
  slideMs: fc.integer({ min: 1, max: 20 }),
  remainderMs: fc.integer({ min: 0, max: 3 }),
  offset: fc.integer({ min: -99, max: 99 }).map((percent) => percent / 100),
  latenessMs: fc.constantFrom(0, 0, 7, 40),
  steps: keyedSteps({ spreadMs: 60, advanceMaxMs: 30 }),
});

for (const backend of TEST_BACKENDS) {
  test(`tumbling and sliding windows give what brute force gives, at every step (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(fixed, async ({ slices, slideMs, remainderMs, offset, latenessMs, steps }) => {
        const sizeMs = slideMs * slices + (slices > 1 ? remainderMs : 0);
        const offsetMs = Math.trunc(offset * slideMs);
        const expected = fixedOracle(steps, sizeMs, slideMs, offsetMs, latenessMs);
        for (const accumulation of ACCUMULATIONS) {
          const assigner = SlidingEventTimeWindows.of(sizeMs, slideMs, { offset: offsetMs });
          const found = await replay(steps, assigner as never, latenessMs, accumulation, backend);
          // Slices merge in order of time; else values come in order of arrival.
          const byArrival = accumulation.kind === 'list' || sizeMs === slideMs;
          expect(sorted(found.results, byArrival)).toEqual(sorted(expected.results, byArrival));
          expect(found.late).toBe(expected.late);
        }
      }),
      { numRuns: 150 },
    );
  });

  test(`session windows give what brute force gives, at every step (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 15 }),
        fc.constantFrom(1, 2, 3),
        fc.constantFrom(0, 0, 7, 40),
        keyedSteps({ spreadMs: 60, advanceMaxMs: 30 }),
        async (gapMs, gapCount, latenessMs, steps) => {
          const gapOf = (value: number): number => gapMs * (1 + (value % gapCount));
          const expected = sessionOracle(steps, gapOf, latenessMs);
          for (const accumulation of ACCUMULATIONS) {
            const assigner =
              gapCount === 1
                ? EventTimeSessionWindows.withGap(gapMs)
                : EventTimeSessionWindows.withDynamicGap(({ value }: Event) => gapOf(value));
            const found = await replay(steps, assigner as never, latenessMs, accumulation, backend);
            expect(sorted(found.results, false)).toEqual(sorted(expected.results, false));
            expect(found.late).toBe(expected.late);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
}
