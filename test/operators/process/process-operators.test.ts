import { expect, test } from 'vitest';
import { OutputTag } from '../../../engine/task/output-tag.ts';
import { DELETE, INSERT } from '../../../engine/task/row-kind.ts';
import { MAX_TIMESTAMP_MS, NO_TIMESTAMP } from '../../../engine/time/timestamps.ts';
import { WatermarkStrategy } from '../../../engine/time/watermark-strategy.ts';
import type { Collector } from '../../../operators/process/collector.ts';
import { CoProcessOperator } from '../../../operators/process/co-process-operator.ts';
import { FilterOperator } from '../../../operators/process/filter-operator.ts';
import { FlatMapOperator } from '../../../operators/process/flat-map-operator.ts';
import type { FunctionContext } from '../../../operators/process/function-context.ts';
import { MapOperator } from '../../../operators/process/map-operator.ts';
import type { ProcessContext, TimerContext } from '../../../operators/process/process-context.ts';
import { CoProcessFunction, KeyedProcessFunction } from '../../../operators/process/process-function.ts';
import { ProcessOperator } from '../../../operators/process/process-operator.ts';
import { ReduceOperator } from '../../../operators/process/reduce-operator.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import { TimestampsAndWatermarksOperator } from '../../../operators/process/timestamps-and-watermarks-operator.ts';
import type { ValueState } from '../../../state/keyed/state.ts';
import { long } from '../../../state/schema/scalars.ts';
import { TEST_BACKENDS } from '../../harness/operators/backends.ts';
import { keyedOneInputHarness, oneInputHarness, twoInputHarness } from '../../harness/operators/operator-harness.ts';
import { record, status, watermark } from '../../harness/operators/stream-elements.ts';

test('map, filter and flat map keep time and row kind', async () => {
  const map = await oneInputHarness(() => new MapOperator((n: number) => n * 2));
  map.processElement(1, 10, DELETE);
  await map.processWatermark(10);
  expect(map.takeOutput()).toEqual([record(2, 10, DELETE), watermark(10)]);

  const filter = await oneInputHarness(() => new FilterOperator((n: number) => n > 1));
  filter.processElement(1, 10);
  filter.processElement(2, 11);
  expect(filter.takeOutput()).toEqual([record(2, 11)]);

  const flatMap = await oneInputHarness(
    () =>
      new FlatMapOperator((n: number, out: Collector<number>) => {
        if (n === 0) return undefined;
        if (n === 1) return new Set([7, 8]);
        out.collect(-n);
        return [n, n];
      }),
  );
  for (const n of [0, 1, 2]) flatMap.processElement(n, n);
  expect(flatMap.takeOutput()).toEqual([record(7, 1), record(8, 1), record(-2, 2), record(2, 2), record(2, 2)]);
});

class CountPerKey extends KeyedProcessFunction<string, string, string> {
  #count: ValueState<number> = undefined as never;

  override open(context: FunctionContext): void {
    this.#count = context.state('count', valueState(long()));
  }

  processElement(value: string, context: ProcessContext<string>, out: Collector<string>): void {
    const count = (this.#count.value() ?? 0) + 1;
    this.#count.update(count);
    out.collect(`${context.currentKey} ${count}`, count === 1 ? INSERT : DELETE);
    if (value === 'late') context.output(LATE, value);
    if (value === 'timer') context.timers.registerProcessingTimeTimer(context.currentProcessingTime + 5);
  }

  override onTimer(timestampMs: number, context: TimerContext<string>, out: Collector<string>): void {
    out.collect(`${context.timeDomain} ${timestampMs}`);
    context.output(LATE, 'from timer');
  }
}

const LATE = new OutputTag<string>('late');

for (const backend of TEST_BACKENDS) {
  test(`a function class has state of its own per key; side outputs carry its time (${backend.name})`, async () => {
    const harness = await keyedOneInputHarness(
      () => new ProcessOperator(new CountPerKey()),
      (value: string) => value,
      { backend },
    );
    harness.processElement('a', 1);
    harness.processElement('late', 2);
    harness.processElement('a');
    expect(harness.takeOutput()).toEqual([record('a 1', 1), record('late 1', 2), record('a 2', NO_TIMESTAMP, DELETE)]);
    expect(harness.takeSideOutput(LATE)).toEqual([record('late', 2)]);
    const snapshot = await harness.snapshot();
    harness.processElement('timer', 3);
    await harness.setProcessingTime(5);
    expect(harness.takeOutput()).toEqual([record('timer 1', 3), record('processingTime 5')]);
    expect(harness.takeSideOutput(LATE)).toEqual([record('from timer', 5)]);
    await harness.initializeState(snapshot);
    harness.processElement('a', 4);
    harness.processElement('timer', 5);
    expect(harness.takeOutput()).toEqual([record('a 3', 4, DELETE), record('timer 1', 5)]);
  });

  test(`reduce emits what a key's records come to, after each (${backend.name})`, async () => {
    const harness = await keyedOneInputHarness(
      () => new ReduceOperator((a: number, b: number) => a + b, long()),
      (n: number) => n % 2,
      {
        backend,
      },
    );
    for (const n of [1, 2, 3, 4]) harness.processElement(n, n);
    expect(harness.takeOutput()).toEqual([record(1, 1), record(2, 2), record(4, 3), record(6, 4)]);
  });
}

test('two inputs that are not keyed: both are heard, time is the minimum, state is refused', async () => {
  class Tag extends CoProcessFunction<string, number, string> {
    processElement1(value: string, _context: ProcessContext, out: Collector<string>): void {
      out.collect(`1 ${value}`);
    }
    processElement2(value: number, context: ProcessContext, out: Collector<string>): void {
      if (value === 0) context.timers.registerEventTimeTimer(1);
      out.collect(`2 ${value}`);
    }
  }
  const harness = await twoInputHarness(() => new CoProcessOperator(new Tag()));
  harness.processElement1('x', 1);
  harness.processElement2(5, 2);
  await harness.processWatermark1(10);
  await harness.processWatermark2(7);
  await harness.processWatermarkStatus('idle', 1);
  expect(harness.takeOutput()).toEqual([record('1 x', 1), record('2 5', 2), watermark(7), watermark(10)]);
  await harness.processWatermarkStatus('idle', 0);
  expect(harness.takeOutput()).toEqual([status('idle')]);
  expect(() => harness.processElement2(0, 3)).toThrow(/keyed stream/);
});

test('a timer for a record without time is refused, and says what to do', async () => {
  const harness = await keyedOneInputHarness(
    () =>
      new ProcessOperator<string, string, string>({
        processElement: (_value, { timers, timestamp }) => timers.registerEventTimeTimer(timestamp + 1),
      }),
    (value: string) => value,
  );
  expect(() => harness.processElement('a')).toThrow(/a timer was registered for NaN/);
});

test('an assigner in mid-stream makes its own time, turns idle, and ends with its input', async () => {
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<number>(5)
    .withTimestamp((n: number) => n)
    .withIdleness(300);
  const harness = await oneInputHarness(() => new TimestampsAndWatermarksOperator(strategy, 100));
  harness.processElement(20, 1);
  await harness.processWatermark(500);
  await harness.processWatermarkStatus('idle');
  await harness.setProcessingTime(100);
  expect(harness.takeOutput()).toEqual([record(20, 20), watermark(14)]);
  for (let nowMs = 200; nowMs <= 600; nowMs += 100) await harness.setProcessingTime(nowMs);
  expect(harness.takeOutput()).toEqual([status('idle')]);
  harness.processElement(30, 1);
  await harness.setProcessingTime(700);
  expect(harness.takeOutput()).toEqual([record(30, 30), status('active'), watermark(24)]);
  harness.processElement(40, 1);
  await harness.processWatermark(MAX_TIMESTAMP_MS);
  expect(harness.takeOutput()).toEqual([record(40, 40), watermark(MAX_TIMESTAMP_MS)]);
});
