import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputTag } from '../../engine/task/output-tag.ts';
import { DELETE, INSERT, type RowKind, rowKindName, UPDATE_AFTER, UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import { WatermarkStrategy } from '../../engine/time/watermark-strategy.ts';
import type { JoinLogic } from '../../operators/join/join-function.ts';
import { ProcessingTimeTemporalJoinOperator } from '../../operators/join/processing-time-temporal-join-operator.ts';
import { TemporalJoinOperator, type TemporalJoinType } from '../../operators/join/temporal-join-operator.ts';
import { defineJob } from '../../operators/define-job.ts';
import type { ProcessLogic } from '../../operators/process/process-function.ts';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import type { Key } from '../../state/keyed/key.ts';
import { record as recordSchema } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { TEST_BACKENDS, type TestBackendKind } from '../harness/operators/backends.ts';
import { twoInputHarness } from '../harness/operators/operator-harness.ts';
import { isRecord, type OutputElement } from '../harness/operators/stream-elements.ts';
import { testJob } from '../harness/test-job.ts';
import { type KeyedStep, keyedSteps, type RecordStep } from './keyed-steps.ts';

const Row = recordSchema('Row', { key: string(), number: long() });
type Row = Infer<typeof Row>;
const LATE = new OutputTag<Row>('late');

const PAIR: JoinLogic<Row, Row | undefined, string> = {
  processElement: (left, right, _context, out) => out.collect(`${left.key} ${left.number} ${right?.number ?? '-'}`),
};

/** Versions whose number this accepts; any left row. */
type Condition = ((left: Row, right: Row) => boolean) | undefined;
const isOdd = (_left: Row, right: Row): boolean => right.number % 2 === 1;

function kindOf({ value }: RecordStep): RowKind {
  if (value > 3) return INSERT;
  return value === 1 ? UPDATE_BEFORE : value === 2 ? DELETE : UPDATE_AFTER;
}

/** What came out at every step, when both inputs were as far as one of them, and at the end of time. */
async function replay(
  steps: readonly KeyedStep[],
  joinType: TemporalJoinType,
  condition: Condition,
  backend: TestBackendKind,
): Promise<{ outputs: string[][]; late: number[] }> {
  const keyOf = (row: Row): string => row.key;
  const harness = await twoInputHarness(
    () =>
      new TemporalJoinOperator({
        joinType,
        leftSchema: Row,
        rightSchema: Row,
        condition,
        logic: PAIR,
        leftLateTag: LATE,
      }),
    [keyOf, keyOf],
    { backend },
  );
  const watermarks = [1000, 1000];
  const pushWatermarks = async (): Promise<void> => {
    await harness.processWatermark1(watermarks[0]!);
    await harness.processWatermark2(watermarks[1]!);
  };
  await pushWatermarks();
  harness.takeOutput();
  const outputs: string[][] = [];
  for (const [number, step] of steps.entries()) {
    if (step.do === 'record') {
      const row = { key: step.key, number };
      if (step.side === 1) harness.processElement1(row, step.timestampMs, kindOf(step));
      else harness.processElement2(row, step.timestampMs, kindOf(step));
      expect(harness.numEventTimeTimers()).toBeLessThanOrEqual(3);
    } else if (step.do === 'advance') {
      watermarks[step.side - 1]! += step.byMs;
      await pushWatermarks();
    } else {
      await harness.initializeState(await harness.snapshot());
      await pushWatermarks();
    }
    outputs.push(resultsOf(harness.takeOutput()));
  }
  for (const byMs of [0, 1_000_000]) {
    watermarks.fill(Math.max(...watermarks) + byMs);
    await pushWatermarks();
    outputs.push(resultsOf(harness.takeOutput()));
  }
  expect(harness.numEventTimeTimers()).toBe(0);
  // The newest version of each key stays, and nothing else.
  const withVersions = new Set(steps.flatMap((step) => (step.do === 'record' && step.side === 2 ? [step.key] : [])));
  expect(harness.numKeyedStateEntries()).toBe(withVersions.size);
  const late = harness.takeSideOutput(LATE).map(({ value }) => value.number);
  await harness.close();
  return { outputs, late };
}

/** By key, in the order within the key. */
function resultsOf(elements: readonly OutputElement<string>[]): string[] {
  const results = elements.filter(isRecord);
  return ['a', 'b', 'c'].flatMap((key) =>
    results
      .filter(({ value }) => value.startsWith(`${key} `))
      .map(({ value, timestampMs, kind }) => `${kind} ${value} @${timestampMs}`),
  );
}

/** With the whole input at hand. */
function oracle(
  steps: readonly KeyedStep[],
  joinType: TemporalJoinType,
  condition: Condition,
): { outputs: string[][]; late: number[] } {
  const watermarks = [1000, 1000];
  const watermarkAfter = steps.map((step) => {
    if (step.do === 'advance') watermarks[step.side - 1]! += step.byMs;
    return Math.min(...watermarks);
  });
  watermarkAfter.push(Math.max(...watermarks), Infinity);
  const records = steps.flatMap((step, number) => (step.do === 'record' ? [{ ...step, number }] : []));
  const outputs: string[][] = watermarkAfter.map(() => []);
  const late: number[] = [];
  for (const key of ['a', 'b', 'c']) {
    for (const left of records.filter((row) => row.side === 1 && row.key === key)) {
      if (left.timestampMs <= (watermarkAfter[left.number - 1] ?? 1000)) {
        late.push(left.number);
        continue;
      }
      const dueAt = watermarkAfter.findIndex((watermarkMs) => watermarkMs >= left.timestampMs);
      const version = records
        .filter((row) => row.side === 2 && row.key === key && row.number < dueAt && row.timestampMs <= left.timestampMs)
        .toSorted((a, b) => a.timestampMs - b.timestampMs || a.number - b.number)
        .at(-1);
      const isThere = version !== undefined && (kindOf(version) === INSERT || kindOf(version) === UPDATE_AFTER);
      const joins =
        isThere &&
        (condition === undefined || condition({ key, number: left.number }, { key, number: version.number }));
      if (!joins && joinType === 'inner') continue;
      const kind = rowKindName(kindOf(left));
      outputs[dueAt]!.push(`${kind} ${key} ${left.number} ${joins ? version.number : '-'} @${left.timestampMs}`);
    }
  }
  return { outputs, late: late.toSorted((a, b) => a - b) };
}

for (const backend of TEST_BACKENDS) {
  test(`a left row in time meets the version of its time, once the watermark is there (${backend.name})`, async () => {
    const steps = keyedSteps({ spreadMs: 40, advanceMaxMs: 25, sides: 2 });
    const joinType = fc.constantFrom<TemporalJoinType>('inner', 'left');
    await fc.assert(
      fc.asyncProperty(
        steps,
        joinType,
        fc.constantFrom<Condition>(undefined, isOdd),
        async (input, type, condition) => {
          const { outputs, late } = await replay(input, type, condition, backend);
          const expected = oracle(input, type, condition);
          expect(outputs).toEqual(expected.outputs);
          expect(late.toSorted((a, b) => a - b)).toEqual(expected.late);
        },
      ),
      { numRuns: 200 },
    );
  });

  test(`in processing time a left row meets the version that came last (${backend.name})`, async () => {
    const keyOf = (row: Row): string => row.key;
    await fc.assert(
      fc.asyncProperty(keyedSteps({ spreadMs: 40, advanceMaxMs: 25, sides: 2 }), async (input) => {
        const harness = await twoInputHarness(
          () => new ProcessingTimeTemporalJoinOperator({ joinType: 'left', rightSchema: Row, logic: PAIR }),
          [keyOf, keyOf],
          { backend },
        );
        const latest = new Map<string, number>();
        for (const [number, step] of input.entries()) {
          if (step.do === 'restore') await harness.initializeState(await harness.snapshot());
          if (step.do !== 'record') continue;
          const { key } = step;
          const kind = kindOf(step);
          if (step.side === 1) {
            harness.processElement1({ key, number }, step.timestampMs, kind);
            expect(resultsOf(harness.takeOutput())).toEqual([
              `${rowKindName(kind)} ${key} ${number} ${latest.get(key) ?? '-'} @${step.timestampMs}`,
            ]);
          } else {
            harness.processElement2({ key, number }, step.timestampMs, kind);
            if (kind === INSERT || kind === UPDATE_AFTER) latest.set(key, number);
            else latest.delete(key);
          }
        }
        expect(harness.numKeyedStateEntries()).toBe(latest.size);
        await harness.close();
      }),
      { numRuns: 60 },
    );
  });
}

const Sided = recordSchema('Sided', { key: string(), number: long(), at: long(), kind: long() });
type Sided = Infer<typeof Sided>;

const strategy = WatermarkStrategy.noWatermarks<Sided>().withTimestamp(({ at }) => at);
const withKinds = (): ProcessLogic<Key, Sided, Row> => ({
  processElement: ({ key, number, kind }, _context, out) => out.collect({ key, number }, kind as RowKind),
});
const job = defineJob({
  name: 'temporal-joins',
  params: {},
  build(env) {
    const sides = ['left', 'right'].map((name) =>
      env
        .fromSource(collectionSource<Sided>([]), name, strategy)
        .process(withKinds)
        .keyBy(({ key }) => key),
    );
    sides[0]!
      .temporalJoin(sides[1]!)
      .leftOuter()
      .on(isOdd)
      .map((left, right) => `${left.key} ${left.number} ${right?.number ?? '-'}`, {
        uid: 'joined',
        leftSchema: Row,
        rightSchema: Row,
      })
      .sinkTo(collectSink({}), { uid: 'out' });
  },
});

test('a temporal join in a job gives the same, restored again and again at another parallelism', async () => {
  const anySteps = keyedSteps({ spreadMs: 40, advanceMaxMs: 25, sides: 2 });
  await fc.assert(
    fc.asyncProperty(anySteps, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 3 }), async (steps, sizes) => {
      const driver = await testJob(job, { parallelism: sizes[0], cacheBytes: 1 });
      const sides = [driver.source<Sided>('left'), driver.source<Sided>('right')];
      const watermarks = [1000, 1000];
      const pushWatermarks = (): void => void sides.map((side, i) => side.watermark(watermarks[i]!));
      pushWatermarks();
      const expected = oracle(steps, 'left', isOdd);
      let restores = 0;
      for (const [number, step] of steps.entries()) {
        if (step.do === 'record') {
          sides[step.side - 1]!.push({ key: step.key, number, at: step.timestampMs, kind: kindOf(step) });
        } else if (step.do === 'advance') {
          watermarks[step.side - 1]! += step.byMs;
          pushWatermarks();
        } else {
          await driver.snapshot();
          await driver.restore({ parallelism: sizes[++restores % sizes.length] });
          pushWatermarks();
        }
        // Fetching state takes turns.
        await driver.settle();
        const found = driver.sink<string>('out').takeRecords();
        expect(resultsOf(found.map((row) => ({ ...row, kind: rowKindName(row.kind) })))).toEqual(
          expected.outputs[number],
        );
      }
      await driver.close();
    }),
    { numRuns: 30 },
  );
});
