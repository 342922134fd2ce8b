import { expect, test } from 'vitest';
import {
  type AggregateFunction,
  type Collector,
  type Infer,
  OutputTag,
  SlidingEventTimeWindows,
  EventTimeSessionWindows,
  type StreamExecutionEnvironment,
  type TimeWindow,
  TumblingEventTimeWindows,
  WatermarkStrategy,
  defineWindowFunction,
  long,
  record,
  string,
} from '../../operators/index.ts';
import { CollectedRows, collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import { startVirtualJob } from '../harness/virtual-job.ts';

const Impression = record('Impression', { id: string(), at: long() });
const Click = record('Click', { impressionId: string(), at: long() });
type Impression = Infer<typeof Impression>;
type Click = Infer<typeof Click>;

const IMPRESSIONS = 300;
const impressionAt = (i: number): Impression => ({ id: `i${i}`, at: 1000 + i * 10 });
/** Every third impression is clicked, every ninth too late. */
const clickAt = (i: number): Click => ({ impressionId: `i${i * 3}`, at: 1000 + i * 30 + (i % 3 === 2 ? 900 : 200) });

function sources(env: StreamExecutionEnvironment) {
  const inOrder = <T extends { readonly at: number }>() =>
    WatermarkStrategy.forBoundedOutOfOrderness<T>('2s').withTimestamp((row: T) => row.at);
  return {
    impressions: env.fromSource(
      collectionSource({ count: IMPRESSIONS, at: impressionAt }, { splits: 2 }),
      'impressions',
      inOrder<Impression>(),
    ),
    clicks: env.fromSource(collectionSource({ count: IMPRESSIONS / 3, at: clickAt }), 'clicks', inOrder<Click>()),
  };
}

const count: AggregateFunction<Click | Impression, number, number> = {
  accumulatorSchema: long(),
  createAccumulator: () => 0,
  add: (total) => total + 1,
  merge: (a, b) => a + b,
  getResult: (total) => total,
};

async function run<T>(
  build: (env: StreamExecutionEnvironment, rows: CollectedRows<T>) => void,
  parallelism = 2,
): Promise<T[]> {
  const rows = new CollectedRows<T>();
  const job = startVirtualJob({ parallelism, build: (env) => build(env, rows) });
  expect(await job.environment.run(job.execution.result)).toMatchObject({ state: 'finished' });
  expect(job.log).toEqual([]);
  return rows.records().map(({ value }) => value);
}

test('windows on the engine: a result per key and window, of all records', async () => {
  const assigners = [TumblingEventTimeWindows.of('1s'), SlidingEventTimeWindows.of('1s', '500ms')];
  for (const assigner of assigners) {
    const results = await run<string>((env, rows) => {
      sources(env)
        .impressions.keyBy(({ id }) => Number(id.slice(1)) % 2)
        .window(assigner)
        .aggregate(
          count,
          defineWindowFunction({
            process(key: number, { window }, elements: readonly number[], out: Collector<string>) {
              out.collect(`${key} ${(window as TimeWindow).startMs} ${elements[0]}`);
            },
          }),
          { uid: 'counts' },
        )
        .sinkTo(collectSink({ into: rows }), { uid: 'out' });
    });
    const expected: string[] = [];
    for (let startMs = 0; startMs < 4000; startMs += assigner.slideMs) {
      for (const key of [0, 1]) {
        let total = 0;
        for (let i = key; i < IMPRESSIONS; i += 2) {
          const { at } = impressionAt(i);
          if (at >= startMs && at < startMs + 1000) total++;
        }
        if (total > 0) expected.push(`${key} ${startMs} ${total}`);
      }
    }
    expect(results.toSorted()).toEqual(expected.toSorted());
  }
});

test('sessions on the engine', async () => {
  const results = await run<number>((env, rows) => {
    sources(env)
      .clicks.keyBy(() => 'all')
      .window(EventTimeSessionWindows.withGap('400ms'))
      .reduce((a, b) => (a.at > b.at ? a : b), { uid: 'last', schema: Click })
      .map((click) => click.at)
      .sinkTo(collectSink({ into: rows }), { uid: 'out' });
  });
  const times = Array.from({ length: IMPRESSIONS / 3 }, (_, i) => clickAt(i).at).toSorted((a, b) => a - b);
  expect(results).toEqual(times.filter((at, i) => i + 1 === times.length || times[i + 1]! - at > 400));
});

test('joins on the engine: inner, outer with late rows padded, early results taken back', async () => {
  const isJoined = (i: number): boolean => i % 3 === 0 && (i / 3) % 3 !== 2;
  const ids = Array.from({ length: IMPRESSIONS }, (_, i) => i);
  const schemas = { leftSchema: Impression, rightSchema: Click };
  const inner = await run<string>((env, rows) => {
    const { impressions, clicks } = sources(env);
    impressions
      .keyBy(({ id }) => id)
      .intervalJoin(clicks.keyBy(({ impressionId }) => impressionId))
      .between('0s', '500ms')
      .map(({ id }, { at }) => `${id} ${at}`, { uid: 'join', ...schemas })
      .sinkTo(collectSink({ into: rows }), { uid: 'out' });
  });
  expect(inner.toSorted()).toEqual(
    ids
      .filter(isJoined)
      .map((i) => `i${i} ${clickAt(i / 3).at}`)
      .toSorted(),
  );
  for (const emitUnmatched of ['final', 'early'] as const) {
    const outer = await run<string>((env, rows) => {
      const { impressions, clicks } = sources(env);
      impressions
        .keyBy(({ id }) => id)
        .intervalJoin(clicks.keyBy(({ impressionId }) => impressionId))
        .between('0s', '500ms')
        .leftOuter({ emitUnmatched })
        .process(
          {
            processElement: ({ id }, click, { rowKind }, out: Collector<string>) =>
              out.collect(`${rowKind === 0 ? '' : 'not '}${id} ${click?.at ?? '-'}`, 0),
          },
          { uid: 'join', ...schemas },
        )
        .sinkTo(collectSink({ into: rows }), { uid: 'out' });
    });
    const results = new Set(outer.filter((row) => !row.startsWith('not ')));
    for (const row of outer) if (row.startsWith('not ')) results.delete(row.slice('not '.length));
    const expected = ids.map((i) => (isJoined(i) ? `i${i} ${clickAt(i / 3).at}` : `i${i} -`));
    expect([...results].toSorted()).toEqual(expected.toSorted());
  }
});

test('late records of a window come out at its side output', async () => {
  const late = new OutputTag<Click>('late');
  const results = await run<number>((env, rows) => {
    const { clicks } = sources(env);
    const counts = clicks
      .assignTimestampsAndWatermarks(
        WatermarkStrategy.forGenerator<Click>(() => ({
          onEvent: (_click, timestampMs, output) => output.emitWatermark(timestampMs),
          onPeriodicEmit() {},
        })).withTimestamp((click: Click) => click.at),
      )
      .keyBy(() => 0)
      .window(TumblingEventTimeWindows.of('100ms'))
      .sideOutputLateData(late)
      .aggregate(count, { uid: 'counts' });
    counts
      .map(() => 0)
      .union(counts.getSideOutput(late).map((click) => click.at))
      .filter((at) => at > 0)
      .sinkTo(collectSink({ into: rows }), { uid: 'out' });
  }, 1);
  let largestMs = -Infinity;
  const expected: number[] = [];
  for (let i = 0; i < IMPRESSIONS / 3; i++) {
    const { at } = clickAt(i);
    if (Math.floor(at / 100) * 100 + 99 <= largestMs) expected.push(at);
    largestMs = Math.max(largestMs, at);
  }
  expect(expected.length).toBeGreaterThan(10);
  expect(results).toEqual(expected);
});
