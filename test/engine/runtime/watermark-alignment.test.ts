import { expect, test } from 'vitest';
import type { RuntimeOptions } from '../../../engine/runtime/runtime-options.ts';
import {
  collectSink,
  CollectedRows,
  defineCoProcess,
  generatorSource,
  type GeneratorSourceOptions,
  long,
  type StreamExecutionEnvironment,
  valueState,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { testParallelism } from '../../harness/test-parallelism.ts';
import { startVirtualJob, type VirtualJob } from '../../harness/virtual-job.ts';

interface Feed extends Partial<GeneratorSourceOptions<number>> {
  readonly strategy?: (strategy: WatermarkStrategy<number>) => WatermarkStrategy<number>;
}

interface HoldContext {
  readonly timers: { registerEventTimeTimer(timestampMs: number): void };
  readonly state: { readonly count: { value(): number | undefined; update(count: number): void } };
}

interface FeedJob extends VirtualJob {
  /** Times of the records read, by feed. */
  readonly read: readonly number[][];
  /** Most rows that the join ever waited with. */
  readonly heldMax: () => number;
}

/** Joins two feeds of event times in one keyed operator that keeps each row until the watermark has passed it. */
function feedJob(feeds: readonly [Feed, Feed], options: Partial<RuntimeOptions> = {}): FeedJob {
  const read: number[][] = [[], []];
  let held = 0;
  let heldMax = 0;
  const build = (env: StreamExecutionEnvironment): void => {
    const streams = feeds.map(({ strategy = (own) => own, recordAt = (_split, i) => i * 100, ...generator }, feed) =>
      env
        .fromSource(
          generatorSource<number>({
            countPerSplit: 'unbounded',
            ...generator,
            recordAt: (split, index) => {
              const at = recordAt(split, index);
              read[feed]!.push(at);
              return at;
            },
          }),
          `feed-${feed}`,
          strategy(WatermarkStrategy.forMonotonousTimestamps<number>().withTimestamp((at) => at)),
        )
        .keyBy((at) => Math.floor(at / 1_000)),
    );
    const hold = (at: number, { timers, state }: HoldContext): void => {
      heldMax = Math.max(heldMax, ++held);
      state.count.update((state.count.value() ?? 0) + 1);
      timers.registerEventTimeTimer(at - (at % 1_000) + 999);
    };
    streams[0]!
      .connect(streams[1]!)
      .process(
        defineCoProcess({
          uid: 'join',
          state: { count: valueState(long()) },
          processElement1: (at: number, context) => hold(at, context),
          processElement2: (at: number, context) => hold(at, context),
          onTimer(at, { state }, out: { collect(value: number): void }) {
            held -= state.count.value() ?? 0;
            state.count.clear();
            out.collect(at);
          },
        }),
      )
      .sinkTo(collectSink({ into: new CollectedRows<number>() }), { uid: 'out' });
  };
  const job = startVirtualJob({ build, batchRecords: 16, ...options });
  return { ...job, read, heldMax: () => heldMax };
}

const last = (times: readonly number[] | undefined): number => times?.at(-1) ?? -1;
/** 5,000 records over 500 s of event time. */
const FAST: Feed = { countPerSplit: 5_000 };
/** The same in 500 s of the clock. */
const SLOW: Feed = { countPerSplit: 5_000, recordsPerSecond: 10 };

test('a join of a fast topic and a slow one waits with few rows', async () => {
  const aligned = feedJob([FAST, SLOW], { watermarkAlignment: '10s' });
  await aligned.environment.run(aligned.execution.result);
  expect(aligned.read.map((times) => times.length)).toEqual([5_000, 5_000]);
  // 10 s of the fast one, two batches, and rows of a second that end together.
  expect(aligned.heldMax()).toBeLessThan(100 + 2 * 16 + 40);
  const unaligned = feedJob([FAST, SLOW], { watermarkAlignment: false });
  await unaligned.environment.run(unaligned.execution.result);
  expect(unaligned.heldMax()).toBeGreaterThan(4_900);
});

test('the drift is 1 minute by default, and told as a metric', async () => {
  const job = feedJob([FAST, SLOW]);
  await job.environment.advance(20_000);
  const ahead = last(job.read[0]) - last(job.read[1]);
  expect(ahead).toBeGreaterThan(58_000);
  expect(ahead).toBeLessThan(65_000);
  const drifts: number[] = [];
  job.execution.attemptMetrics.forEach((_labels, name, value) => {
    if (name === 'watermarkAlignmentDrift') drifts.push(value);
  });
  expect(drifts.length).toBe(2 * (testParallelism() ?? 1));
  expect(Math.max(...drifts)).toBeGreaterThan(57_000);
});

test('a held source takes checkpoints, and stops and drains at once', async () => {
  const job = feedJob([FAST, SLOW], { watermarkAlignment: '1s', checkpointInterval: '1s' });
  await job.environment.advance(10_500);
  expect(job.execution.status.checkpoints.completedCount).toBeGreaterThan(8);
  const startedMs = job.environment.clock.nowMs();
  await job.environment.run(job.execution.stop({ drain: true }));
  expect(job.environment.clock.nowMs() - startedMs).toBeLessThan(1_000);
});

test('a feed that is read up to its end holds nobody back, however old its records are', async () => {
  // Both are live; records of the second one are an hour old when they come.
  const live: Feed = { dueMs: (_split, index) => index * 100, recordAt: (_split, index) => 3_600_000 + index * 100 };
  const delayed: Feed = { dueMs: (_split, index) => index * 100 };
  const job = feedJob([live, delayed]);
  await job.environment.advance(60_000);
  expect(job.read[0]!.length).toBeGreaterThan(590);
  // Who asks for a group wants to wait for it.
  const strategy = (own: WatermarkStrategy<number>): WatermarkStrategy<number> => own.withWatermarkAlignment('g', '1m');
  const asked = feedJob([
    { ...live, strategy },
    { ...delayed, strategy },
  ]);
  await asked.environment.advance(60_000);
  expect(asked.read[0]!.length).toBeLessThan(10);
  expect(asked.read[1]!.length).toBeGreaterThan(590);
});

test('a feed that falls silent holds the other one back for 10 seconds; idle, and finished ones not at all', async () => {
  const silent: Feed = { recordsPerSecond: 0.001 };
  const job = feedJob([FAST, silent]);
  await job.environment.advance(9_000);
  expect(last(job.read[0])).toBeLessThan(65_000);
  await job.environment.advance(3_000);
  expect(job.read[0]!.length).toBe(5_000);
  const idle = feedJob([FAST, { ...silent, strategy: (own) => own.withIdleness('2s') }]);
  await idle.environment.advance(4_000);
  expect(idle.read[0]!.length).toBe(5_000);
  const finished = feedJob([FAST, { countPerSplit: 1 }]);
  await finished.environment.advance(1);
  expect(finished.read[0]!.length).toBe(5_000);
});

test('one record with a time from the future does not keep its source from being read', async () => {
  const broken: Feed = { ...SLOW, recordAt: (_split, index) => (index === 20 ? 9e12 : index * 100) };
  const job = feedJob([broken, SLOW], { watermarkAlignment: '1s', batchRecords: 1 });
  await job.environment.advance(20_000);
  expect(job.read[0]!.length).toBeGreaterThan(180);
});

test('splits of one source are aligned too, one by one', async () => {
  const strategy = (own: WatermarkStrategy<number>): WatermarkStrategy<number> =>
    own.withWatermarkAlignment('splits', '5s');
  const dueMs = (split: number, index: number): number => (split === 0 ? index * 100 : 0);
  const job = feedJob([{ splitCount: 2, dueMs, strategy }, { countPerSplit: 0 }]);
  await job.environment.advance(10_000);
  const read = job.read[0]!;
  // The slow split has read 10 s, the other one 5 s more, side by side in one subtask.
  expect(read.length).toBeGreaterThan(240);
  expect(read.length).toBeLessThan(100 + 150 + 3 * 16);
});
