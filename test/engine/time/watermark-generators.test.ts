import { expect, test } from 'vitest';
import { TimestampsAndWatermarksOperator } from '../../../operators/process/timestamps-and-watermarks-operator.ts';
import {
  collectSink,
  CollectedRows,
  defineProcess,
  generatorSource,
  MIN_TIMESTAMP_MS,
  type WatermarkGenerator,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';

/** Promises the time of each record that ends in 9, at once, per split. */
class Punctuated implements WatermarkGenerator<number> {
  onEvent(_value: number, timestampMs: number, output: Parameters<WatermarkGenerator<number>['onEvent']>[2]): void {
    if (timestampMs % 10 === 9) output.emitWatermark(timestampMs);
  }

  onPeriodicEmit(): void {}
}

interface Seen {
  readonly split: number;
  readonly at: number;
  /** When it came; MIN before the first. */
  readonly watermarkMs: number;
}

const NONE = MIN_TIMESTAMP_MS;
/** Records of split 1 are 3 ms ahead. */
const timeOf = (record: number): number => (record % 1_000) + 3 * splitOf(record);
const splitOf = (record: number): number => Math.floor(record / 1_000);

/** The records of two splits, and for each the watermark at which it came. */
async function watermarksSeen(strategy: WatermarkStrategy<number>, isInMidStream: boolean): Promise<Seen[]> {
  const rows = new CollectedRows<Seen>();
  const job = startVirtualJob({
    batchRecords: 2,
    parallelism: 1,
    build(env) {
      const recordAt = (split: number, index: number): number => split * 1_000 + index;
      const source = generatorSource<number>({ splitCount: 2, countPerSplit: 35, recordAt });
      const none = WatermarkStrategy.noWatermarks<number>();
      const stream = env.fromSource(source, 'times', isInMidStream ? none : strategy, { parallelism: 1 });
      (isInMidStream ? stream.assignTimestampsAndWatermarks(strategy) : stream)
        .keyBy(() => 'all')
        .process(
          defineProcess({
            uid: 'seen',
            processElement: (record: number, { currentWatermark }, out: { collect(value: Seen): void }) =>
              out.collect({ split: splitOf(record), at: timeOf(record), watermarkMs: currentWatermark }),
          }),
        )
        .sinkTo(collectSink({ into: rows, visibility: 'immediately' }), { uid: 'out' });
    },
  });
  await job.environment.run(job.execution.result);
  expect(rows.values()).toHaveLength(70);
  return rows.values();
}

const PUNCTUATED = WatermarkStrategy.forGenerator(() => new Punctuated()).withTimestamp(timeOf);

test('punctuated watermarks go behind their record at once; splits combine by minimum', async () => {
  const promised = [NONE, NONE];
  for (const { split, at, watermarkMs } of await watermarksSeen(PUNCTUATED, false)) {
    expect(watermarkMs).toBe(Math.min(...promised));
    if (at % 10 === 9) promised[split] = at;
  }
  expect(promised).toEqual([29, 29]);
});

test('an assigner in mid-stream makes one watermark for all of its records', async () => {
  let promised = NONE;
  for (const { at, watermarkMs } of await watermarksSeen(PUNCTUATED, true)) {
    expect(watermarkMs).toBe(promised);
    if (at % 10 === 9) promised = Math.max(promised, at);
  }
});

test('without watermarks none comes before the end', async () => {
  const seen = await watermarksSeen(WatermarkStrategy.noWatermarks<number>().withTimestamp(timeOf), false);
  expect(seen.every(({ watermarkMs }) => watermarkMs === NONE)).toBe(true);
});

test('the timestamp that the transport gives is the default, and an assigner sees it', async () => {
  const assigned = WatermarkStrategy.forMonotonousTimestamps<number>().withTimestamp((_value, givenMs) => givenMs + 5);
  expect(assigned.timestampAssigner!(1, 100)).toBe(105);
  expect(WatermarkStrategy.forMonotonousTimestamps<number>().timestampAssigner).toBeUndefined();
  expect(new TimestampsAndWatermarksOperator(assigned).watermarkInterceptor).toBeDefined();
});
