import { expect, test } from 'vitest';
import type { RuntimeOptions } from '../../../engine/runtime/runtime-options.ts';
import type { Source, SplitEnumerator } from '../../../engine/task/source.ts';
import {
  collectSink,
  CollectedRows,
  type DataStream,
  defineProcess,
  generatorSource,
  type GeneratorSourceOptions,
  type Infer,
  long,
  record,
  type StreamExecutionEnvironment,
  string,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { type GeneratorSplit, splitOf } from '../../../operators/source/collection/generator-split.ts';
import { startVirtualJob, type VirtualJob } from '../../harness/virtual-job.ts';
import { slowSink } from './slow-sink.ts';

const Row = record('Row', { id: string(), at: long() });
type Row = Infer<typeof Row>;

interface RowsJob extends VirtualJob {
  readonly rows: CollectedRows<string>;
}

function rowsJob(
  build: (env: StreamExecutionEnvironment) => DataStream<string>,
  options: Partial<RuntimeOptions> = {},
): RowsJob {
  const rows = new CollectedRows<string>();
  const job = startVirtualJob({
    build: (env) => build(env).sinkTo(collectSink({ into: rows, visibility: 'immediately' }), { uid: 'out' }),
    ...options,
  });
  return { ...job, rows };
}

const TIMES = WatermarkStrategy.forMonotonousTimestamps<Row>().withTimestamp((row) => row.at);

/** Rows whose event time is when they come. `dueMs` lists those of each split. */
function feed(
  env: StreamExecutionEnvironment,
  name: string,
  dueMs: readonly (readonly number[])[],
  options: Partial<GeneratorSourceOptions<Row>> & { readonly parallelism?: number } = {},
): DataStream<Row> {
  const { parallelism = dueMs.length, ...generator } = options;
  const source = generatorSource<Row>({
    name,
    splitCount: dueMs.length,
    countPerSplit: (split) => dueMs[split]!.length,
    recordAt: (split, index) => ({ id: `${name}${split}${index}`, at: dueMs[split]![index]! }),
    dueMs: (split, index) => dueMs[split]![index] ?? 1e9,
    ...generator,
  });
  return env.fromSource(source, name, TIMES.withIdleness('1s'), { parallelism });
}

/** What one record after another joins with, `left+right`. */
function join(left: DataStream<Row>, right: DataStream<Row>): DataStream<string> {
  return left
    .keyBy(() => 'all')
    .intervalJoin(right.keyBy(() => 'all'))
    .between(-10, 10)
    .map((a, b) => `${a.id}+${b.id}`, { uid: 'join', leftSchema: Row, rightSchema: Row });
}

/** The time of each record once the watermark has passed it. */
const passed = defineProcess({
  uid: 'passed',
  processElement: ({ at }: Row, { timers }) => timers.registerEventTimeTimer(at),
  onTimer: (timestampMs, _context, out: { collect(value: string): void }) => out.collect(String(timestampMs)),
});

const END = 30_000;

for (const parallelism of [1, 2]) {
  test(`a subtask that finishes before the others turn idle does not make their later rows late (${parallelism} joins)`, async () => {
    // Split 0 of either side ends at once; the other splits are silent for 20 s, longer than it takes to be idle.
    const job = rowsJob(
      (env) => join(feed(env, 'l', [[0], [1, 20_000, END]]), feed(env, 'r', [[0], [1, 20_000, END]])),
      { parallelism },
    );
    await job.environment.run(job.execution.result);
    const near = ['l00', 'l10'].flatMap((left) => ['r00', 'r10'].map((right) => `${left}+${right}`));
    expect(job.rows.values().sort()).toEqual([...near, 'l11+r11', 'l12+r12'].sort());
  });
}

test('an input that has finished does not make the other one late when it has been idle', async () => {
  const job = rowsJob((env) => join(feed(env, 'l', [[0, 19_995]]), feed(env, 'r', [[0], [5_000, 20_000, END]])));
  await job.environment.run(job.execution.result);
  expect(job.rows.values().sort()).toEqual(['l00+r00', 'l01+r11']);
});

test('when the last active input turns idle, time goes on to where any input was', async () => {
  // The right side is 5 s ahead. The left one is silent from 0 on, so both are idle at 7 s.
  const job = rowsJob((env) =>
    feed(env, 'l', [[0]], { countPerSplit: 2, recordAt: () => ({ id: 'l', at: 0 }), dueMs: (_s, i) => i * 60_000 })
      .keyBy(() => 'all')
      .connect(
        feed(env, 'r', [[0]], {
          countPerSplit: 3,
          recordAt: (_s, i) => ({ id: 'r', at: i * 5_000 }),
          dueMs: (_s, i) => (i === 2 ? 60_000 : 10 * i),
        }).keyBy(() => 'all'),
      )
      .process(
        () => ({
          processElement1: (row: Row, { timers }) => timers.registerEventTimeTimer(row.at + 1),
          processElement2: (row: Row, { timers }) => timers.registerEventTimeTimer(row.at - 1),
          onTimer: (timestampMs: number, _context: unknown, out: { collect(value: string): void }) =>
            out.collect(String(timestampMs)),
        }),
        { uid: 'both' },
      ),
  );
  await job.environment.advance(900);
  expect(job.rows.values()).toEqual(['-1']);
  await job.environment.advance(3_000);
  expect(job.rows.values()).toEqual(['-1', '1', '4999']);
});

test('subtasks of an endless source that have no split do not hold the watermark back', async () => {
  const job = rowsJob(
    (env) =>
      feed(env, 'l', [[0, 1, 2]], { countPerSplit: 'unbounded', parallelism: 3 })
        .keyBy(() => 'all')
        .process(passed),
    { parallelism: 2 },
  );
  await job.environment.advance(500);
  expect(job.rows.values()).toEqual(['0', '1']);
});

test('a split that is found later holds the watermark when it has caught up', async () => {
  const job = rowsJob(
    (env) =>
      env
        .fromSource(lateSplitSource(), 'late-split', TIMES, { parallelism: 2 })
        .keyBy(() => 'all')
        .process(passed),
    { parallelism: 1 },
  );
  await job.environment.advance(4_900);
  // Subtask 1 has had nothing to read so far.
  expect(job.rows.values().length).toBeGreaterThan(45);
  await job.environment.advance(5_000);
  // What it got then has been read up to 7.9 s.
  expect(Math.max(...job.rows.values().map(Number))).toBe(7_800);
});

/** Two endless splits, a record every 100 ms; the second one is found after 5 s, with the records of 8 s. */
function lateSplitSource(): Source<Row, GeneratorSplit> {
  const source = generatorSource<Row>({
    splitCount: 2,
    countPerSplit: 'unbounded',
    recordAt: (split, index) => ({ id: `${split}.${index}`, at: index * 100 }),
    dueMs: (split, index) => (split === 0 ? index * 100 : index < 80 ? 0 : 1e9),
  });
  return {
    description: source.description,
    boundedness: source.boundedness,
    createReader: (context) => source.createReader(context),
    createEnumerator: (context): SplitEnumerator<GeneratorSplit> => ({
      start: () => Promise.resolve(),
      addReader(subtaskIndex) {
        if (subtaskIndex === 0) context.assign(0, [splitOf(0, 0)]);
        else context.environment.scheduler.setTimer(5_000, () => context.assign(1, [splitOf(1, 0)]));
      },
      handleSplitRequest: () => {},
      addSplitsBack: () => {},
      snapshotState: () => null,
      close: () => Promise.resolve(),
    }),
  };
}

test('an outer join holds idle time back too, and the end of time is the end of time', async () => {
  const job = rowsJob((env) => {
    const left = feed(env, 'l', [[0, 100, 60_000]]);
    const right = feed(env, 'r', [[0, 50, 60_000]]);
    return left
      .keyBy(() => 'all')
      .intervalJoin(right.keyBy(() => 'all'))
      .between(-10, 10)
      .fullOuter()
      .map((a, b) => ({ id: `${a?.id}+${b?.id}`, at: a?.at ?? b!.at }), {
        uid: 'join',
        leftSchema: Row,
        rightSchema: Row,
      })
      .keyBy(() => 'all')
      .process(
        defineProcess({
          uid: 'late',
          processElement(row: Row, { currentWatermark, timestamp, timers }, out: { collect(value: string): void }) {
            if (timestamp <= currentWatermark) out.collect(`${row.id} is late`);
            timers.registerEventTimeTimer(timestamp);
          },
          onTimer: (timestampMs, _context, out) => out.collect(String(timestampMs)),
        }),
      );
  });
  await job.environment.advance(5_000);
  // Idle at 99, the larger of both; held back by 10.
  expect(job.rows.values()).toEqual(['0', '50']);
  await job.environment.run(job.execution.result);
  expect(job.rows.values()).toEqual(['0', '50', '100', '60000']);
});

test('an assigner in mid-stream is not idle while what it emits has to wait', async () => {
  const job = rowsJob(
    (env) => {
      const talking = env.fromSource(
        generatorSource<Row>({
          countPerSplit: 'unbounded',
          recordAt: (_split, index) => ({ id: 'talk', at: index * 10 }),
          recordsPerSecond: 100,
        }),
        'talking',
        TIMES,
      );
      const slow = env
        .fromSource(
          generatorSource<Row>({
            countPerSplit: 'unbounded',
            recordAt: (_split, index) => ({ id: 'slow', at: index * 10 }),
            recordsPerSecond: 100,
          }),
          'slow',
          WatermarkStrategy.noWatermarks<Row>(),
        )
        .rebalance()
        .assignTimestampsAndWatermarks(TIMES.withIdleness('400ms'));
      slow
        .rebalance()
        .map((row) => row.id)
        .sinkTo(slowSink<string>(2_000, { visibility: 'immediately' }), { uid: 'blocked' });
      return talking
        .union(slow)
        .keyBy(() => 'all')
        .process(passed);
    },
    { batchRecords: 1 },
  );
  // The sink takes a record every 2 s: the assigner's stream is at 10 ms for each of them.
  await job.environment.advance(21_000);
  expect(Math.max(...job.rows.values().map(Number))).toBeLessThan(600);
});
