import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  collectSink,
  collectionSource,
  countEvictor,
  CountTrigger,
  defineJob,
  EventTimeSessionWindows,
  type Infer,
  long,
  OutputTag,
  PurgingTrigger,
  record as recordSchema,
  SlidingEventTimeWindows,
  string,
  type TaggedRow,
  type TimeWindow,
  TumblingEventTimeWindows,
  WatermarkStrategy,
  type WindowAssigner,
} from '../../operators/index.ts';
import { type CoGroup, coGroupOf, taggedRowSchema } from '../../operators/window/co-group-contents.ts';
import { createCoGroupOperator } from '../../operators/window/co-group-operator.ts';
import { createWindowOperator } from '../../operators/window/create-window-operator.ts';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { keyedOneInputHarness, type OperatorHarness, twoInputHarness } from '../harness/operators/operator-harness.ts';
import { isRecord, type OutputElement } from '../harness/operators/stream-elements.ts';
import { testJob } from '../harness/test-job.ts';
import { type KeyedStep, keyedSteps, type RecordStep } from './keyed-steps.ts';

/** A row is its number in the input, so that equal ones can be told apart. */
const Row = recordSchema('Row', { key: string(), number: long(), at: long() });
type Row = Infer<typeof Row>;
type Tagged = TaggedRow<Row, Row>;
type Assigner = WindowAssigner<Tagged, TimeWindow>;
const LATE = new OutputTag<Tagged>('late');
const keyOf = (row: Row): string => row.key;

const GAP_MS = 9;
const ASSIGNERS: readonly {
  readonly assigner: Assigner;
  readonly windowsOf: ((ms: number) => number[]) | undefined;
}[] = [
  { assigner: TumblingEventTimeWindows.of(10), windowsOf: (ms) => [floor(ms, 10) + 9] },
  {
    assigner: SlidingEventTimeWindows.of(12, 4),
    windowsOf: (ms) => [0, 4, 8].map((back) => floor(ms, 4) - back + 11),
  },
  { assigner: EventTimeSessionWindows.withGap(GAP_MS), windowsOf: undefined },
];

function floor(ms: number, sizeMs: number): number {
  return Math.floor(ms / sizeMs) * sizeMs;
}

/** Steps and what comes out after each. */
async function replay(steps: readonly KeyedStep[], driver: Driver): Promise<string[][]> {
  const watermarks = [1000, 1000];
  await driver.watermarks(watermarks);
  await driver.take();
  const found: string[][] = [];
  for (const [number, step] of steps.entries()) {
    if (step.do === 'record') driver.record(step, { key: step.key, number, at: step.timestampMs });
    else {
      if (step.do === 'restore') await driver.restore();
      else watermarks[step.side - 1]! += step.byMs;
      await driver.watermarks(watermarks);
    }
    found.push(await driver.take());
  }
  return found;
}

interface Driver {
  record(step: RecordStep, row: Row): void;
  watermarks(watermarks: readonly number[]): Promise<void> | void;
  restore(): Promise<void>;
  take(): string[] | Promise<string[]>;
}

/** Keys that fall silent leave nothing behind once time has passed their windows. */
async function forgetsEverything(harness: OperatorHarness<string>): Promise<void> {
  await harness.processWatermark1(100_000);
  await harness.processWatermark2(100_000);
  expect([harness.numKeyedStateEntries(), harness.numEventTimeTimers()]).toEqual([0, 0]);
}

function show(key: string, { left, right }: CoGroup<Row, Row>): string {
  return `${key} [${numbersOf(left)}] [${numbersOf(right)}]`;
}

function numbersOf(rows: readonly Row[]): string {
  return rows.map(({ number }) => number).join(',');
}

const showGroups = {
  process: (
    key: unknown,
    _context: unknown,
    [group]: readonly CoGroup<Row, Row>[],
    out: { collect(value: string): void },
  ): void => out.collect(show(key as string, group!)),
};

function textsOf(elements: readonly OutputElement<unknown>[]): string[] {
  return elements
    .filter(isRecord)
    .map(({ value, timestampMs }) => `${String(value)} @${timestampMs}`)
    .toSorted();
}

/** Groups of records that are all in time: what is pending is kept plainly, and looked at whenever time advances. */
function oracle(
  steps: readonly KeyedStep[],
  windowsOf: ((ms: number) => number[]) | undefined,
  resultsOf: (key: string, group: CoGroup<Row, Row>) => string[],
  timeOf: (watermarks: readonly number[]) => number = (watermarks) => Math.min(...watermarks),
): string[][] {
  const watermarks = [1000, 1000];
  /** By key and last time of a window; sessions are made when they are needed. */
  let pending: { readonly key: string; readonly maxMs: number; readonly side: 1 | 2; readonly row: Row }[] = [];
  return steps.map((step, number) => {
    if (step.do === 'record') {
      const { key, side, timestampMs } = step;
      const row = { key, number, at: timestampMs };
      for (const maxMs of windowsOf?.(timestampMs) ?? [timestampMs]) pending.push({ key, maxMs, side, row });
      return [];
    }
    if (step.do === 'restore') return [];
    watermarks[step.side - 1]! += step.byMs;
    const windows = windowsOf === undefined ? sessions(pending) : Object.values(Object.groupBy(pending, groupName));
    const results: string[] = [];
    for (const window of windows) {
      const maxMs = windowsOf === undefined ? window!.at(-1)!.maxMs + GAP_MS - 1 : window![0]!.maxMs;
      if (maxMs > timeOf(watermarks)) continue;
      pending = pending.filter((it) => !window!.includes(it));
      const rowsOf = (side: 1 | 2): Row[] =>
        window!
          .filter((it) => it.side === side)
          .map(({ row }) => row)
          .toSorted((a, b) => a.number - b.number);
      for (const text of resultsOf(window![0]!.key, { left: rowsOf(1), right: rowsOf(2) }))
        results.push(`${text} @${maxMs}`);
    }
    return results.toSorted();
  });
}

function groupName({ key, maxMs }: { readonly key: string; readonly maxMs: number }): string {
  return `${key} ${maxMs}`;
}

function sessions<T extends { readonly key: string; readonly maxMs: number }>(pending: readonly T[]): T[][] {
  const groups: T[][] = [];
  for (const it of pending.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.maxMs - b.maxMs))) {
    const last = groups.at(-1)?.at(-1);
    if (last !== undefined && last.key === it.key && it.maxMs <= last.maxMs + GAP_MS) groups.at(-1)!.push(it);
    else groups.push([it]);
  }
  return groups;
}

/** Lists of sessions that merged have no order to rely on. */
function sorted(text: string): string {
  return text.replaceAll(
    /\[(.*?)\]/g,
    (_all, list: string) =>
      `[${list
        .split(',')
        .toSorted((a, b) => Number(a) - Number(b))
        .join(',')}]`,
  );
}

for (const backend of TEST_BACKENDS) {
  for (const { assigner, windowsOf } of ASSIGNERS) {
    test(`a group holds the records of both sides in the window (${assigner.constructor.name}, ${backend.name})`, async () => {
      await fc.assert(
        fc.asyncProperty(keyedSteps({ spreadMs: 30, advanceMaxMs: 20, sides: 2, late: false }), async (steps) => {
          const harness = await twoInputHarness(
            () =>
              createCoGroupOperator<Row, Row, string, TimeWindow>({
                assigner,
                allowedLatenessMs: 0,
                leftSchema: Row,
                rightSchema: Row,
                logic: showGroups,
              }),
            [keyOf, keyOf],
            { backend },
          );
          const found = await replay(steps, {
            record: ({ side, timestampMs }, row) =>
              side === 1 ? harness.processElement1(row, timestampMs) : harness.processElement2(row, timestampMs),
            async watermarks([first, second]) {
              await harness.processWatermark1(first!);
              await harness.processWatermark2(second!);
            },
            restore: async () => await harness.initializeState(await harness.snapshot()),
            take: () => textsOf(harness.takeOutput()),
          });
          await forgetsEverything(harness);
          await harness.close();
          const expected = oracle(steps, windowsOf, (key, group) => [show(key, group)]);
          expect(windowsOf === undefined ? found.map((texts) => texts.map(sorted).toSorted()) : found).toEqual(
            expected,
          );
        }),
        { numRuns: 80 },
      );
    });
  }

  test(`it is the window of the tagged union, late records, triggers and evictors too (${backend.name})`, async () => {
    const anyAssigner = fc.constantFrom(...ASSIGNERS.map(({ assigner }) => assigner));
    const lateness = fc.constantFrom(0, 0, 15);
    const anySteps = keyedSteps({ spreadMs: 40, advanceMaxMs: 25, sides: 2 });
    await fc.assert(
      fc.asyncProperty(
        anySteps,
        anyAssigner,
        lateness,
        fc.constantFrom(undefined, CountTrigger.of(3), PurgingTrigger.of(CountTrigger.of(3))),
        fc.boolean(),
        async (steps, assigner, allowedLatenessMs, trigger, evicts) => {
          const evictor = evicts ? countEvictor<Tagged>(4) : undefined;
          const declaration = { assigner, trigger: trigger as never, evictor, allowedLatenessMs, lateTag: LATE };
          const both = await twoInputHarness(
            () =>
              createCoGroupOperator<Row, Row, string, TimeWindow>({
                ...declaration,
                leftSchema: Row,
                rightSchema: Row,
                logic: showGroups,
              }),
            [keyOf, keyOf],
            { backend },
          );
          const one = await keyedOneInputHarness(
            () =>
              createWindowOperator<Tagged, Tagged, string, TimeWindow>(
                declaration,
                { kind: 'list', schema: taggedRowSchema(Row, Row) },
                {
                  process: (key, context, rows, out) => showGroups.process(key, context, [coGroupOf(rows)], out),
                },
              ),
            ({ left, right }: Tagged) => (left ?? right)!.key,
            { backend },
          );
          const lateOf = (it: { takeSideOutput<T>(tag: OutputTag<T>): { readonly value: T }[] }): string[] =>
            it.takeSideOutput(LATE).map(({ value }) => JSON.stringify(value));
          const foundOfBoth = await replay(steps, {
            record: ({ side, timestampMs }, row) =>
              side === 1 ? both.processElement1(row, timestampMs) : both.processElement2(row, timestampMs),
            async watermarks([first, second]) {
              await both.processWatermark1(first!);
              await both.processWatermark2(second!);
            },
            restore: async () => await both.initializeState(await both.snapshot()),
            take: () => [...textsOf(both.takeOutput()), ...lateOf(both)],
          });
          const foundOfOne = await replay(steps, {
            record: ({ side, timestampMs }, row) =>
              one.processElement(
                side === 1 ? { left: row, right: undefined } : { left: undefined, right: row },
                timestampMs,
              ),
            watermarks: async (watermarks) => await one.processWatermark(Math.min(...watermarks)),
            restore: async () => await one.initializeState(await one.snapshot()),
            take: () => [...textsOf(one.takeOutput()), ...lateOf(one)],
          });
          await forgetsEverything(both);
          await both.close();
          await one.close();
          expect(foundOfBoth).toEqual(foundOfOne);
        },
      ),
      { numRuns: 100 },
    );
  });
}

const strategy = WatermarkStrategy.noWatermarks<Row>().withTimestamp(({ at }) => at);
const options = { leftSchema: Row, rightSchema: Row };
const padded = (left: Row | undefined, right: Row | undefined): string =>
  `${(left ?? right)!.key} ${left?.number ?? '-'} ${right?.number ?? '-'}`;
const job = defineJob({
  name: 'window-joins',
  params: {},
  build(env) {
    const left = env.fromSource(collectionSource<Row>([]), 'left', strategy);
    const right = env.fromSource(collectionSource<Row>([]), 'right', strategy);
    const tumbling = TumblingEventTimeWindows.of(10);
    left
      .join(right)
      .where(keyOf)
      .equalTo(keyOf)
      .window(tumbling)
      .apply(padded, { uid: 'inner', ...options })
      .sinkTo(collectSink({}), { uid: 'inner-out' });
    const joined = left.keyBy(keyOf).join(right.keyBy(keyOf)).window(tumbling);
    joined
      .leftOuter()
      .apply(padded, { uid: 'left-outer', ...options })
      .sinkTo(collectSink({}), { uid: 'left-out' });
    joined
      .fullOuter()
      .apply(padded, { uid: 'full-outer', ...options })
      .sinkTo(collectSink({}), { uid: 'full-out' });
    left
      .windowAll(tumbling)
      .process(
        {
          process: (_key, { window }, rows, out) => out.collect(`[${numbersOf(rows)}] @${window.maxTimestampMs}`),
        },
        { uid: 'all', schema: Row },
      )
      .sinkTo(collectSink({}), { uid: 'all-out' });
  },
});

test('window joins in a job give the same, restored again and again at another parallelism', async () => {
  const anySteps = keyedSteps({ spreadMs: 30, advanceMaxMs: 20, sides: 2, late: false });
  await fc.assert(
    fc.asyncProperty(anySteps, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 3 }), async (steps, sizes) => {
      const driver = await testJob(job, { parallelism: sizes[0], cacheBytes: 1 });
      const sides = [driver.source<Row>('left'), driver.source<Row>('right')];
      let restores = 0;
      const found = await replay(steps, {
        record: ({ side }, row) => void sides[side - 1]!.push(row),
        watermarks: (watermarks) => void sides.map((side, i) => side.watermark(watermarks[i]!)),
        async restore() {
          await driver.snapshot();
          await driver.restore({ parallelism: sizes[++restores % sizes.length] });
        },
        async take() {
          // Fetching state takes turns.
          await driver.settle();
          return ['inner', 'left', 'full'].flatMap((name) => [
            ...driver
              .sink<string>(`${name}-out`)
              .takeRecords()
              .map(({ value, timestampMs }) => `${name} ${value} @${timestampMs}`)
              .toSorted(),
          ]);
        },
      });
      const expected = ['inner', 'left', 'full'].map((type) =>
        oracle(steps, ASSIGNERS[0]!.windowsOf, (key, { left, right }) =>
          pairs(type, left, right).map(([l, r]) => `${type} ${key} ${l?.number ?? '-'} ${r?.number ?? '-'}`),
        ),
      );
      expect(found).toEqual(steps.map((_, i) => expected.flatMap((ofType) => ofType[i]!)));
      const ofAll = steps.map((step) => (step.do === 'record' ? { ...step, key: 'all' } : step));
      const whole = oracle(
        ofAll,
        ASSIGNERS[0]!.windowsOf,
        (_key, group) => [`[${numbersOf(group.left)}]`],
        ([left]) => left!,
      );
      expect(driver.sink<string>('all-out').values().toSorted()).toEqual(
        whole
          .flat()
          .filter((text) => !text.startsWith('[]'))
          .toSorted(),
      );
      await driver.close();
    }),
    { numRuns: 40 },
  );
});

function pairs(
  type: string,
  left: readonly Row[],
  right: readonly Row[],
): (readonly [Row | undefined, Row | undefined])[] {
  const joined = left.flatMap((l) => right.map((r) => [l, r] as const));
  if (joined.length > 0 || type === 'inner') return joined;
  const padsRight = type === 'full' ? right.map((r) => [undefined, r] as const) : [];
  return [...left.map((l) => [l, undefined] as const), ...padsRight];
}
