import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { MAX_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';
import {
  type AggregateFunction,
  type Collector,
  ContinuousEventTimeTrigger,
  ContinuousProcessingTimeTrigger,
  CountTrigger,
  type DataStream,
  defineWindowFunction,
  DeltaTrigger,
  EventTimeSessionWindows,
  Evictor,
  type EvictorContext,
  GlobalWindows,
  type Infer,
  ProcessingTimeoutTrigger,
  SlidingEventTimeWindows,
  type TimestampedValue,
  type TimeWindow,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
  type Window,
  type WindowedStream,
} from '../../../operators/index.ts';
import { record as recordSchema } from '../../../state/schema/record.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import { harnessOf, isRecord, type OperatorHarness, record, TEST_BACKENDS, watermark } from '../../harness/index.ts';

const Event = recordSchema('Event', { key: string(), number: long() });
type Event = Infer<typeof Event>;
type Windowed = WindowedStream<Event, string, TimeWindow>;

const total: AggregateFunction<Event, number, number> = {
  accumulatorSchema: long(),
  createAccumulator: () => 0,
  add: (sum, { number }) => sum + number,
  merge: (a, b) => a + b,
  getResult: (sum) => sum,
};

const totals = defineWindowFunction({
  process(_key: string, _context, events: readonly Event[], out: Collector<number>) {
    out.collect(events.reduce((sum, { number }) => sum + number, 0));
  },
});

const keyed = (events: DataStream<Event>) => events.keyBy(({ key }) => key);
const add = (harness: OperatorHarness<unknown>, number: number, timestampMs: number, key = 'key2'): void =>
  harness.processElement({ key, number }, timestampMs);

/** Both ways to keep a window: folded as records come, and record by record. */
const FORMS: readonly [name: string, apply: (windowed: Windowed) => DataStream<number>][] = [
  ['aggregate', (windowed) => windowed.aggregate(total, { uid: 'totals' })],
  ['process', (windowed) => windowed.process(totals, { uid: 'totals', schema: Event })],
];

for (const backend of TEST_BACKENDS) {
  for (const [form, apply] of FORMS) {
    /** In Flink the third record's window replaces the session's, which loses what it held: it gives 2. */
    test(`a record whose own window equals a merged session joins it (${form}, ${backend.name})`, async () => {
      const gapOf = ({ number }: Event): number => (number === 10 ? 1_000 : 2_000);
      const sessions = (events: DataStream<Event>): DataStream<number> =>
        apply(keyed(events).window(EventTimeSessionWindows.withDynamicGap(gapOf)));
      const harness = await harnessOf(sessions, { backend });
      for (const number of [10, 1, 2]) add(harness, number, 0);
      await harness.processWatermark(1_999);
      expect(harness.takeOutput()).toEqual([record(13, 1_999), watermark(1_999)]);
      expect([harness.numEventTimeTimers(), harness.numKeyedStateEntries()]).toEqual([0, 0]);
      await harness.close();
    });

    test(`a window that reaches beyond the largest timestamp ends with the input (${form}, ${backend.name})`, async () => {
      for (const assigner of [TumblingEventTimeWindows.of(1_000), EventTimeSessionWindows.withGap(1_000)]) {
        const windows = (events: DataStream<Event>): DataStream<number> =>
          apply(keyed(events).window(assigner) as Windowed);
        const harness = await harnessOf(windows, { backend });
        add(harness, 7, MAX_TIMESTAMP_MS - 5);
        await harness.processWatermark(MAX_TIMESTAMP_MS - 1);
        await harness.processWatermark(MAX_TIMESTAMP_MS);
        expect(harness.takeOutput().filter(isRecord)).toEqual([record(7, MAX_TIMESTAMP_MS)]);
        await harness.close();
      }
    });
  }
}

test('state is not taken over by windows that keep it in another way', async () => {
  const minutes = (events: DataStream<Event>): Windowed => keyed(events).window(TumblingEventTimeWindows.of('1m'));
  const forms: readonly ((events: DataStream<Event>) => DataStream<number>)[] = [
    (events) => minutes(events).aggregate(total, { uid: 'totals' }),
    (events) => minutes(events).trigger(CountTrigger.of(3)).aggregate(total, { uid: 'totals' }),
    (events) => keyed(events).window(TumblingEventTimeWindows.of('2m')).aggregate(total, { uid: 'totals' }),
    (events) => keyed(events).window(SlidingEventTimeWindows.of('2m', '1m')).aggregate(total, { uid: 'totals' }),
    (events) => keyed(events).window(EventTimeSessionWindows.withGap('1m')).aggregate(total, { uid: 'totals' }),
    (events) =>
      keyed(events)
        .window(EventTimeSessionWindows.withGap('1m'))
        .trigger(CountTrigger.of(3))
        .aggregate(total, { uid: 'totals' }),
    (events) => keyed(events).window(TumblingProcessingTimeWindows.of('1m')).aggregate(total, { uid: 'totals' }),
  ];
  for (const [i, before] of forms.entries()) {
    for (const [k, after] of forms.entries()) {
      const old = await harnessOf(before);
      add(old, 1, 0);
      const harness = await harnessOf(after);
      const restored = old.snapshot().then((snapshot) => harness.initializeState(snapshot));
      if (i === k) await restored;
      else await expect(restored).rejects.toMatchObject({ code: 'STATE_INCOMPATIBLE' });
    }
  }
  const old = await harnessOf(forms[0]!);
  const snapshot = await old.snapshot();
  await expect((await harnessOf(forms[1]!)).initializeState(snapshot)).rejects.toThrow(
    'expected state of event-time windows of 60000 ms every 60000 ms, kept one by one; ' +
      'found state of event-time windows of 60000 ms every 60000 ms, kept in slices',
  );
});

test('staggered windows: each subtask is shifted by its first record’s clock, or by chance', async () => {
  const ends = async (stagger: 'natural' | 'random' | 'aligned', nowMs: number): Promise<unknown[]> => {
    const windows = (events: DataStream<Event>): DataStream<number> =>
      keyed(events).window(TumblingEventTimeWindows.of(1_000, { stagger })).aggregate(total, { uid: 'totals' });
    const harness = await harnessOf(windows);
    harness.setStateTtlProcessingTime(nowMs);
    add(harness, 1, 0);
    harness.setStateTtlProcessingTime(nowMs + 111);
    add(harness, 1, 1_000);
    await harness.processWatermark(5_000);
    return harness
      .takeOutput()
      .filter(isRecord)
      .map(({ timestampMs }) => timestampMs);
  };
  expect(await ends('aligned', 12_345)).toEqual([999, 1_999]);
  expect(await ends('natural', 12_345)).toEqual([344, 1_344]);
  const shiftMs = Math.floor(new VirtualEnvironment({ startMs: 0 }).random.next() * 1_000);
  expect(await ends('random', 12_345)).toEqual([shiftMs - 1, shiftMs + 999]);
});

test('a global window is never late, not even after the last watermark', async () => {
  const counted = await harnessOf((events: DataStream<Event>) =>
    keyed(events)
      .window(GlobalWindows.create())
      .trigger(CountTrigger.of(1))
      .process(totals, { uid: 'totals', schema: Event }),
  );
  add(counted, 1, 5);
  await counted.processWatermark(MAX_TIMESTAMP_MS);
  add(counted, 2, 6);
  expect(counted.takeOutput()).toEqual([
    record(1, MAX_TIMESTAMP_MS),
    watermark(MAX_TIMESTAMP_MS),
    record(3, MAX_TIMESTAMP_MS),
  ]);
  const once = await harnessOf((events: DataStream<Event>) =>
    keyed(events).window(GlobalWindows.createWithEndOfStreamTrigger()).aggregate(total, { uid: 'totals' }),
  );
  add(once, 1, 5);
  add(once, 2, 6);
  await once.processWatermark(1_000_000);
  await once.processWatermark(MAX_TIMESTAMP_MS);
  expect(once.takeOutput().filter(isRecord)).toEqual([record(3, MAX_TIMESTAMP_MS)]);
});

test('a continuous trigger of a global window ends with the input', async () => {
  const harness = await harnessOf((events: DataStream<Event>) =>
    keyed(events)
      .window(GlobalWindows.create())
      .trigger(ContinuousEventTimeTrigger.of(10))
      .aggregate(total, { uid: 'totals' }),
  );
  add(harness, 1, 5);
  await harness.processWatermark(25);
  expect(harness.takeOutput().filter(isRecord)).toHaveLength(2);
  await harness.processWatermark(MAX_TIMESTAMP_MS);
  expect(harness.takeOutput().filter(isRecord)).toHaveLength(2);
});

test('a window of event time whose end the clock has passed goes on firing by the clock', async () => {
  const harness = await harnessOf((events: DataStream<Event>) =>
    keyed(events)
      .window(TumblingEventTimeWindows.of(100))
      .trigger(ContinuousProcessingTimeTrigger.of(30))
      .aggregate(total, { uid: 'totals' }),
  );
  add(harness, 1, 0);
  const fired: number[] = [];
  for (const nowMs of [29, 30, 60, 90, 98, 99, 128, 129, 159]) {
    await harness.setProcessingTime(nowMs);
    fired.push(harness.takeOutput().length);
  }
  expect(fired).toEqual([0, 1, 1, 1, 0, 1, 0, 1, 1]);
  await harness.processWatermark(99);
  expect([harness.numProcessingTimeTimers(), harness.numKeyedStateEntries()]).toEqual([0, 0]);
});

test('a delta trigger fires when a record is far from the one that fired last', async () => {
  const harness = await harnessOf((events: DataStream<Event>) =>
    keyed(events)
      .window(GlobalWindows.create())
      .trigger(DeltaTrigger.of(5, (last: Event, { number }) => number - last.number, Event))
      .process(totals, { uid: 'totals', schema: Event }),
  );
  const fired: number[] = [];
  for (const number of [1, 6, 7, 8, 12, 13]) {
    add(harness, number, number);
    fired.push(harness.takeOutput().length);
  }
  expect(fired).toEqual([0, 0, 1, 0, 0, 1]);
});

test('a time-out fires what its count has not, and leaves the window its clean-up', async () => {
  const counted =
    (resets: boolean) =>
    (events: DataStream<Event>): DataStream<number> =>
      keyed(events)
        .window(TumblingEventTimeWindows.of(1_000))
        .trigger(ProcessingTimeoutTrigger.of(CountTrigger.of(3), '10ms', { resetTimerOnNewRecord: resets }))
        .aggregate(total, { uid: 'totals' });
  for (const resets of [false, true]) {
    const harness = await harnessOf(counted(resets));
    add(harness, 1, 0);
    await harness.setProcessingTime(6);
    add(harness, 2, 0);
    await harness.setProcessingTime(10);
    expect(harness.takeOutput()).toEqual(resets ? [] : [record(3, 999)]);
    await harness.setProcessingTime(16);
    expect(harness.takeOutput()).toEqual(resets ? [record(3, 999)] : []);
    for (const number of [1, 2, 3]) add(harness, number, 0);
    expect(harness.takeOutput()).toEqual([record(9, 999)]);
    await harness.processWatermark(999);
    expect([harness.numEventTimeTimers(), harness.numProcessingTimeTimers()]).toEqual([0, 0]);
    expect(harness.numKeyedStateEntries()).toBe(0);
  }
});

test('an evictor of one’s own sees the clocks and the window', async () => {
  const seen: unknown[] = [];
  class Watching extends Evictor<Event> {
    override evictBefore(elements: readonly TimestampedValue<Event>[], window: Window, context: EvictorContext) {
      seen.push([elements.length, window.maxTimestampMs, context.currentWatermarkMs, context.currentProcessingTimeMs]);
      return elements.slice(1);
    }
  }
  const harness = await harnessOf((events: DataStream<Event>) =>
    keyed(events)
      .window(TumblingEventTimeWindows.of(100))
      .evictor(new Watching())
      .process(totals, { uid: 'totals', schema: Event }),
  );
  await harness.setProcessingTime(77);
  add(harness, 1, 0);
  add(harness, 2, 1);
  await harness.processWatermark(200);
  expect(harness.takeOutput()).toEqual([record(2, 99), watermark(200)]);
  expect(seen).toEqual([[2, 99, 200, 77]]);
});

test('triggers say what they cannot do', () => {
  expect(() => ContinuousProcessingTimeTrigger.of(0)).toThrow('interval must be positive, found 0');
  expect(() => ProcessingTimeoutTrigger.of(CountTrigger.of(1), 0)).toThrow('time-out must be positive, found 0');
  const sessions = (events: DataStream<Event>) => keyed(events).window(EventTimeSessionWindows.withGap(10));
  return expect(
    harnessOf((events: DataStream<Event>) =>
      sessions(events)
        .trigger(ProcessingTimeoutTrigger.of(CountTrigger.of(1), 5) as never)
        .aggregate(total, { uid: 'totals' }),
    ),
  ).rejects.toThrow('ProcessingTimeoutTrigger does not work with windows that merge');
});
