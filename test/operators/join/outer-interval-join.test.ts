import { expect, test } from 'vitest';
import { DELETE } from '../../../engine/task/row-kind.ts';
import { OuterIntervalJoinOperator } from '../../../operators/join/outer-interval-join-operator.ts';
import { long } from '../../../state/schema/scalars.ts';
import { TEST_BACKENDS } from '../../harness/operators/backends.ts';
import { twoInputHarness } from '../../harness/operators/operator-harness.ts';
import { record, watermark } from '../../harness/operators/stream-elements.ts';

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
