import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DELETE } from '../../../engine/task/row-kind.ts';
import { MAX_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';
import { OuterIntervalJoinOperator } from '../../../operators/join/outer-interval-join-operator.ts';
import { record as recordSchema } from '../../../state/schema/record.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { TEST_BACKENDS } from '../../harness/operators/backends.ts';
import { twoInputHarness } from '../../harness/operators/operator-harness.ts';
import { isRecord, record, watermark } from '../../harness/operators/stream-elements.ts';
import { type KeyedStep, keyedSteps } from '../../property/keyed-steps.ts';

const options = {
  joinType: 'left',
  lowerMs: 0,
  upperMs: 100,
  allowedLatenessMs: 0,
  cleanupIntervalMs: 0,
  isPrompt: true,
  watermarkDelayMs: 101,
  leftSchema: long(),
  rightSchema: long(),
  logic: {
    processElement: (left: unknown, right: unknown, _context: unknown, out: { collect(value: unknown): void }) =>
      out.collect([left, right]),
  },
} as const;
const keys = [() => 'key', () => 'key'] as const;

for (const backend of TEST_BACKENDS) {
  test(`final: a row without partner comes out once none can come, before its watermark (${backend.name})`, async () => {
    const create = () => new OuterIntervalJoinOperator<number, number, unknown>({ ...options, emitUnmatched: 'final' });
    const harness = await twoInputHarness(create, keys, { backend });
    harness.processElement1(1, 1_000);
    harness.processElement1(2, 1_050);
    harness.processElement2(7, 1_120);
    expect(harness.takeOutput()).toEqual([record([2, 7], 1_120)]);
    await harness.processWatermark1(1_100);
    await harness.processWatermark2(1_100);
    expect(harness.takeOutput()).toEqual([watermark(999)]);
    await harness.initializeState(await harness.snapshot());
    await harness.processWatermark1(1_101);
    await harness.processWatermark2(1_101);
    expect(harness.takeOutput()).toEqual([record([1, undefined], 1_000), watermark(1_000)]);
  });

  test(`at the end of time every row has expired, those of its last moments too (${backend.name})`, async () => {
    const create = () => new OuterIntervalJoinOperator<number, number, unknown>({ ...options, emitUnmatched: 'final' });
    const harness = await twoInputHarness(create, keys, { backend });
    // Such times have the results of global windows.
    harness.processElement1(1, MAX_TIMESTAMP_MS - 50);
    harness.processElement1(2, MAX_TIMESTAMP_MS);
    await harness.processWatermark1(MAX_TIMESTAMP_MS);
    await harness.processWatermark2(MAX_TIMESTAMP_MS);
    expect(harness.takeOutput().filter(isRecord)).toEqual([
      record([1, undefined], MAX_TIMESTAMP_MS - 50),
      record([2, undefined], MAX_TIMESTAMP_MS),
    ]);
    expect(harness.numKeyedStateEntries()).toBe(0);
  });

  test(`early: it comes out at once, and is taken back for its first partner only (${backend.name})`, async () => {
    const create = () => new OuterIntervalJoinOperator<number, number, unknown>({ ...options, emitUnmatched: 'early' });
    const harness = await twoInputHarness(create, keys, { backend });
    harness.processElement1(1, 1_000);
    expect(harness.takeOutput()).toEqual([record([1, undefined], 1_000)]);
    harness.processElement2(7, 1_100);
    harness.processElement2(8, 1_100);
    harness.processElement2(9, 1_101);
    expect(harness.takeOutput()).toEqual([
      record([1, undefined], 1_000, DELETE),
      record([1, 7], 1_100),
      record([1, 8], 1_100),
    ]);
    await harness.processWatermark1(5_000);
    await harness.processWatermark2(5_000);
    expect(harness.takeOutput()).toEqual([watermark(4_899)]);
    expect([harness.numEventTimeTimers(), harness.numKeyedStateEntries()]).toEqual([0, 0]);
  });
}

const Row = recordSchema('Row', { key: string(), value: long() });
type Row = Infer<typeof Row>;

/** Flink keeps how far rows have expired in one place for all keys, so there it does. */
test('what a late row joins does not depend on rows of other keys', async () => {
  const resultsOf = async (steps: readonly KeyedStep[]): Promise<unknown[]> => {
    const create = () =>
      new OuterIntervalJoinOperator<Row, Row, unknown>({
        ...options,
        joinType: 'full',
        lowerMs: -50,
        leftSchema: Row,
        rightSchema: Row,
        isPrompt: false,
        emitUnmatched: 'final',
      });
    const keyOf = ({ key }: Row): string => key;
    const harness = await twoInputHarness(create, [keyOf, keyOf]);
    const watermarkMs = [1_000, 1_000];
    const results: unknown[] = [];
    for (const step of steps) {
      if (step.do === 'advance') {
        watermarkMs[step.side - 1]! += step.byMs;
        await (step.side === 1
          ? harness.processWatermark1(watermarkMs[0]!)
          : harness.processWatermark2(watermarkMs[1]!));
      } else if (step.do === 'record') {
        const row = { key: step.key, value: step.value };
        if (step.side === 1) harness.processElement1(row, step.timestampMs);
        else harness.processElement2(row, step.timestampMs);
      }
      const ofKey = harness.takeOutput().filter((element) => {
        const [left, right] = isRecord(element) ? (element.value as (Row | undefined)[]) : [];
        return (left ?? right)?.key === 'a';
      });
      if (step.do !== 'record' || step.key === 'a') results.push(ofKey);
      else expect(ofKey).toEqual([]);
    }
    await harness.close();
    return results;
  };
  const steps = keyedSteps({ spreadMs: 250, advanceMaxMs: 120, sides: 2, restores: false });
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const ofKey = all.filter((step) => step.do !== 'record' || step.key === 'a');
      expect(await resultsOf(all)).toEqual(await resultsOf(ofKey));
    }),
  );
});
