import { expect, test } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../engine/base/errors.ts';
import {
  defineJob,
  defineProcess,
  type Infer,
  int,
  long,
  OutputTag,
  record,
  string,
  timestampMs,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
} from '../../operators/index.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { testJob } from './index.ts';

const Click = record('Click', { clickId: string(), campaignId: string(), at: timestampMs() });
type Click = Infer<typeof Click>;
const LATE = new OutputTag<Click>('late');

/** The job on the first page of the documents: clicks per campaign and minute. */
const campaignMinutes = defineJob({
  name: 'campaign-minutes',
  params: { minutes: z.number().int().positive().default(1) },
  build(env, { minutes }) {
    env
      .fromSource(
        collectionSource<Click>([]),
        'clicks',
        WatermarkStrategy.forBoundedOutOfOrderness<Click>('30s').withTimestamp((click) => click.at),
      )
      .keyBy((click) => click.campaignId)
      .window(TumblingEventTimeWindows.of(`${minutes}m`))
      .allowedLateness('10m')
      .sideOutputLateData(LATE)
      .aggregate(
        {
          accumulatorSchema: int(),
          createAccumulator: () => 0,
          add: (count) => count + 1,
          getResult: (clicks) => clicks,
          merge: (a, b) => a + b,
        },
        {
          process: (campaignId: string, { window }, [clicks], out: { collect(row: unknown): void }) =>
            out.collect({ campaignId, minute: new Date(window.startMs).toISOString().slice(11, 16), clicks }),
        },
        { uid: 'clicks-per-minute' },
      )
      .sinkTo(collectSink(), { uid: 'lake' });
  },
});

function click(clickId: string, time: string, campaignId: string = 'a'): Click {
  return { clickId, campaignId, at: Date.parse(`2026-01-01T${time}Z`) };
}

test('records pushed into a source come out of the sinks when the watermark has passed', async () => {
  const driver = await testJob(campaignMinutes);
  driver.source('clicks').push(click('c1', '10:00:00'), click('c2', '10:00:59'), click('c3', '10:01:00'));
  expect(driver.sink('lake').take()).toEqual([]);
  driver.source('clicks').watermark('10:00:59.999');
  expect(driver.sink('lake').take()).toEqual([{ campaignId: 'a', minute: '10:00', clicks: 2 }]);
  driver.source('clicks').push(click('c4', '10:00:30')); // Late, but allowed.
  expect(driver.sink('lake').take()).toEqual([{ campaignId: 'a', minute: '10:00', clicks: 3 }]);
  driver.source('clicks').watermark('10:01:59.999');
  expect(driver.sink('lake').take()).toEqual([{ campaignId: 'a', minute: '10:01', clicks: 1 }]);
  expect(driver.sink('lake').take()).toEqual([]);
  expect(driver.sink('lake').values()).toHaveLength(3);
});

test('side outputs that the job does not read can be looked at', async () => {
  const driver = await testJob(campaignMinutes, { sideOutputs: [LATE] });
  driver.source('clicks').push(click('c1', '10:00:00')).watermark('10:11:00').push(click('c2', '10:00:01'));
  expect(driver.sideOutput(LATE).take()).toEqual([click('c2', '10:00:01')]);
  const other = await testJob(campaignMinutes);
  expect(() => other.sideOutput(LATE)).toThrow("the side output 'late' is not looked at");
});

test('parameters are checked and completed with their defaults', async () => {
  const driver = await testJob(campaignMinutes, { params: { minutes: 5 } });
  driver.source('clicks').push(click('c1', '10:00:00'), click('c2', '10:04:59')).watermark('10:05:00');
  expect(driver.sink('lake').take()).toEqual([{ campaignId: 'a', minute: '10:00', clicks: 2 }]);
  await expect(testJob(campaignMinutes, { params: { minutes: -1 } })).rejects.toThrow(UserError);
  await expect(testJob(campaignMinutes, { params: { minuets: 1 } as never })).rejects.toThrow(
    /campaign-minutes.*minuets/,
  );
});

test('the same results at any parallelism', async () => {
  const results = [];
  for (const parallelism of [1, 2, 5]) {
    const driver = await testJob(campaignMinutes, { parallelism });
    const clicks = driver.source<Click>('clicks');
    for (let i = 0; i < 200; i++) clicks.push(click(`c${i}`, `10:0${i % 10}:30`, `campaign-${i % 13}`));
    clicks.watermark('10:20:00');
    results.push(
      driver
        .sink('lake')
        .take()
        .map((row) => JSON.stringify(row))
        .sort(),
    );
  }
  expect(results[0]!.length).toBe(130);
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});

test('a snapshot holds the state of the whole job, and is restored at another parallelism', async () => {
  const driver = await testJob(campaignMinutes, { parallelism: 2 });
  const push = (from: number, to: number): void => {
    for (let i = from; i < to; i++) driver.source('clicks').push(click(`c${i}`, '10:00:30', `campaign-${i % 13}`));
  };
  push(0, 100);
  const snapshot = await driver.snapshot();
  push(100, 150);
  await driver.restore({ parallelism: 3 });
  push(150, 160);
  driver.watermark('10:01:00');
  const clicks = (): number =>
    driver
      .sink<{ clicks: number }>('lake')
      .take()
      .reduce((sum, row) => sum + row.clicks, 0);
  expect(clicks()).toBe(110);
  await driver.restore({ snapshot, parallelism: 1 });
  driver.watermark('10:01:00');
  expect(clicks()).toBe(100);
});

const counts = defineJob({
  name: 'counts',
  build(env) {
    env
      .fromCollection([1], 'numbers')
      .keyBy((n) => n % 3)
      .process(
        defineProcess({
          uid: 'count',
          state: { count: valueState(long()) },
          processElement(n: number, { state, timers, currentProcessingTime }) {
            if (n < 0) throw new Error('negative');
            state.count.update((state.count.value() ?? 0) + 1);
            timers.registerProcessingTimeTimer(currentProcessingTime + 1000);
          },
          onTimer: (_timestampMs, { state, currentKey }, out: { collect(row: string): void }) =>
            out.collect(`${currentKey}: ${state.count.value()}`),
        }),
      )
      .sinkTo(collectSink(), { uid: 'out' });
  },
});

test('the clock moves only when it is told to', async () => {
  const driver = await testJob(counts);
  driver.source('numbers').push(1, 1, 2);
  await driver.advanceProcessingTime(1000);
  expect(driver.sink('out').take()).toEqual([]);
  await driver.advanceProcessingTime('1ms');
  expect(driver.sink<string>('out').take().toSorted()).toEqual(['1: 2', '2: 1']);
});

test('what a function of the job throws, the verb throws', async () => {
  const driver = await testJob(counts, { parallelism: 1 });
  driver.source('numbers').push(4);
  expect(() => driver.source('numbers').push(-5)).toThrow("task 'count -> out', subtask 0, key -2 failed");
  expect(() => driver.sink('out').take()).toThrow('failed');
});

test('a job that cannot start says why', async () => {
  const broken = defineJob({
    name: 'broken',
    build(env) {
      env
        .fromCollection([1], 'numbers')
        .process(() => ({
          open: () => {
            throw new Error('no licence');
          },
          processElement: () => {},
        }))
        .sinkTo(collectSink(), { uid: 'out' });
    },
  });
  await expect(testJob(broken)).rejects.toMatchObject({ cause: new Error('no licence') });
});

test('the end of the sources ends the job: what windows hold comes out', async () => {
  const driver = await testJob(campaignMinutes, { parallelism: 2 });
  driver.source('clicks').push(click('c1', '10:00:00'), click('c2', '10:01:00'));
  await driver.finish();
  expect(driver.sink('lake').take()).toHaveLength(2);
  expect(driver.execution.status.state).toBe('finished');
});

test('of several sources the slowest sets the time, unless it is idle or has ended', async () => {
  const job = defineJob({
    name: 'two-sources',
    build(env) {
      const strategy = WatermarkStrategy.noWatermarks<number>();
      const left = env.fromCollection([1], 'left', strategy);
      const right = env.fromCollection([1], 'right', strategy);
      left
        .union(right)
        .keyBy(() => 'all')
        .process(
          defineProcess({
            uid: 'times',
            processElement(n: number, { timers }) {
              timers.registerEventTimeTimer(n);
            },
            onTimer: (timestamp, _context, out: { collect(row: number): void }) => out.collect(timestamp),
          }),
        )
        .sinkTo(collectSink(), { uid: 'out' });
    },
  });
  const driver = await testJob(job);
  driver.source('left').push(10, 20, 30, 40, 50).watermark(100);
  expect(driver.sink('out').take()).toEqual([]);
  driver.source('right').watermark(25);
  expect(driver.sink('out').take()).toEqual([10, 20]);
  driver.source('right').idle();
  expect(driver.sink('out').take()).toEqual([30, 40, 50]);
  driver.source('left').push(130).watermark(200);
  expect(driver.sink('out').take()).toEqual([130]);
  driver.source('right').push(250).watermark(210).end();
  driver.source('left').watermark(300);
  expect(driver.sink('out').take()).toEqual([250]);
});

test('times of the transport can be given with the records', async () => {
  const job = defineJob({
    name: 'times',
    build(env) {
      env
        .fromCollection(['a'], 'texts')
        .process(() => ({
          processElement: (text: string, { timestamp }, out: { collect(row: string): void }) =>
            out.collect(`${text} at ${timestamp}`),
        }))
        .sinkTo(collectSink(), { uid: 'out' });
    },
  });
  const driver = await testJob(job, { startTime: '2026-03-04T00:00:00Z' });
  driver.source('texts').pushAt(7, 'a').pushAt('10:00:00', 'b').pushAt('2026-01-01T00:00:00Z', 'c').push('d');
  const morning = Date.parse('2026-03-04T10:00:00Z');
  expect(driver.sink('out').take()).toEqual(['a at 7', `b at ${morning}`, 'c at 1767225600000', 'd at NaN']);
  expect(driver.sink('out').takeRecords()).toEqual([]);
  expect(() => driver.source('texts').pushAt('tomorrow', 'x')).toThrow("found 'tomorrow'");
});

test('unknown sources and sinks are named, with those there are', async () => {
  const driver = await testJob(campaignMinutes);
  expect(() => driver.source('klicks')).toThrow("the job has no source 'klicks', found 'clicks'");
  expect(() => driver.sink('clicks')).toThrow("the job has no sink 'clicks', found 'lake'");
});

test('a source or sink can be kept as it is in the job', async () => {
  const kept = collectSink<unknown>();
  const job = defineJob({
    name: 'kept',
    build(env) {
      const numbers = env.fromCollection([1, 2, 3], 'numbers').map((n) => n * 10);
      numbers.sinkTo(kept, { uid: 'real' });
      numbers.sinkTo(collectSink(), { uid: 'out' });
    },
  });
  const driver = await testJob(job, { keep: ['numbers', 'real'], parallelism: 1 });
  await driver.finish();
  expect(driver.sink('out').take()).toEqual([10, 20, 30]);
  expect(kept.collected.values()).toEqual([10, 20, 30]);
  expect(() => driver.source('numbers')).toThrow('was kept as it is');
});

test('with a small cache state goes to the store and back; settle waits for it', async () => {
  const driver = await testJob(campaignMinutes, { cacheBytes: 1 << 16 });
  for (let i = 0; i < 20; i++) {
    driver.source('clicks').push(...Array.from({ length: 300 }, (_, k) => click(`c${i}`, '10:00:00', `campaign-${k}`)));
    await driver.settle();
  }
  driver.source('clicks').watermark('10:01:00');
  await driver.settle();
  const rows = driver.sink<{ clicks: number }>('lake').take();
  expect(rows).toHaveLength(300);
  expect(new Set(rows.map((row) => row.clicks))).toEqual(new Set([20]));
});

test('a snapshot of state that does not fit its schema fails with that', async () => {
  const half = defineProcess({
    uid: 'halves',
    state: { half: valueState(long()) },
    processElement(n: number, { state }, out) {
      state.half.update(n / 2);
      out.collect(n);
    },
  });
  const job = defineJob({
    name: 'halves',
    build(env) {
      env
        .fromSource(collectionSource<number>([]), 'numbers', WatermarkStrategy.noWatermarks<number>())
        .keyBy((n) => n)
        .process(half)
        .sinkTo(collectSink(), { uid: 'out' });
    },
  });
  const driver = await testJob(job);
  driver.source<number>('numbers').push(1);
  await expect(driver.snapshot()).rejects.toMatchObject({
    code: 'RECORD',
    cause: { message: "state 'half' of 'halves', key 1: expected long, found number 0.5" },
  });
});
