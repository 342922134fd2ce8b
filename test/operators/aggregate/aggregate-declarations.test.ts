import { expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import {
  type AggregateFunction,
  aggregates,
  count,
  countDistinct,
  CountTrigger,
  DELETE,
  EventTimeSessionWindows,
  type GroupAggregateFunction,
  INSERT,
  type KeyedStream,
  long,
  map,
  max,
  StreamExecutionEnvironment,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
} from '../../../operators/index.ts';
import { harnessOf } from '../../harness/operators/harness-of.ts';
import type { DataStream } from '../../../operators/data-stream.ts';

interface Row {
  readonly key: string;
  readonly value: number;
}

const total: AggregateFunction<Row, number, number> = {
  accumulatorSchema: long(),
  createAccumulator: () => 0,
  add: (sum, { value }) => sum + value,
  merge: (a, b) => a + b,
  getResult: (sum) => sum,
};
const withoutMerge = { ...total, merge: undefined };
const miniBatch = { latency: '1s' } as const;

const rows = (): DataStream<Row> => new StreamExecutionEnvironment().fromCollection<Row>([], 'rows');
const keyed = (): KeyedStream<Row, string> => rows().keyBy((row) => row.key);
const windowed = (assigner = TumblingEventTimeWindows.of('1s')) => keyed().window(assigner);

test.each([
  ['two phases without mini-batch', () => keyed().aggregate(total, { uid: 'x', twoPhase: true }), /no mini-batch/],
  [
    'two phases without merge',
    () =>
      keyed().aggregate(withoutMerge as unknown as GroupAggregateFunction<Row, number, number>, {
        uid: 'x',
        miniBatch,
        twoPhase: true,
      }),
    /no merge/,
  ],
  [
    'split values without mini-batch',
    () => keyed().aggregate(aggregates({ rows: count<Row>() }), { uid: 'x', splitDistinct: true }),
    /no mini-batch/,
  ],
  [
    'split values of a function of its own',
    () => keyed().aggregate(total, { uid: 'x', miniBatch, splitDistinct: true }),
    /a function of its own/,
  ],
  [
    'rows that are taken back, for extremes',
    () =>
      keyed().aggregate(aggregates({ highest: max((row) => row.value) }), {
        uid: 'x',
        input: 'changelog',
      }),
    /no retract/,
  ],
  ['a latency of nothing', () => keyed().aggregate(total, { uid: 'x', miniBatch: { latency: 0 } }), /positive latency/],
  ['no columns', () => aggregates({}), /no columns/],
  ['a column that would be another one', () => aggregates({ a_rows: count<Row>() }), /cannot have a column 'a_rows'/],
  [
    'sessions in two phases',
    () => keyed().window(EventTimeSessionWindows.withGap('1s')).aggregate(total, { uid: 'x', twoPhase: true }),
    /not tumbling or sliding/,
  ],
  [
    'windows of processing time in two phases',
    () => keyed().window(TumblingProcessingTimeWindows.of('1s')).aggregate(total, { uid: 'x', twoPhase: true }),
    /not tumbling or sliding/,
  ],
  [
    'staggered windows in two phases',
    () =>
      windowed(TumblingEventTimeWindows.of('1s', { stagger: 'random' })).aggregate(total, { uid: 'x', twoPhase: true }),
    /staggered/,
  ],
  [
    'a trigger in two phases',
    () => windowed().trigger(CountTrigger.of(3)).aggregate(total, { uid: 'x', twoPhase: true }),
    /a trigger or an evictor/,
  ],
  [
    'state per window in two phases',
    () => windowed().aggregate(total, { process: () => {}, clear: () => {} }, { uid: 'x', twoPhase: true }),
    /state per window/,
  ],
])('%s is refused', (_name, declare, message) => {
  expect(declare).toThrow(message);
});

test('a row that is taken back is refused by an aggregate that cannot take one out', async () => {
  const harness = await harnessOf((input: DataStream<Row>) =>
    input.keyBy((row) => row.key).aggregate(aggregates({ highest: max((row) => row.value) }), { uid: 'x' }),
  );
  harness.processElement({ key: 'a', value: 1 }, 1, INSERT);
  expect(() => harness.processElement({ key: 'a', value: 1 }, 1, DELETE)).toThrow(/insertions only/);
});

test('a result that is the accumulator is told from the one before it, and stays what it was', async () => {
  const counts: GroupAggregateFunction<Row, Record<string, number>, Record<string, number>> = {
    accumulatorSchema: map(long()),
    createAccumulator: () => ({ rows: 0 }),
    add(accumulator) {
      accumulator['rows']!++;
      return accumulator;
    },
    getResult: (accumulator) => accumulator,
  };
  const harness = await harnessOf((input: DataStream<Row>) =>
    input.keyBy((row) => row.key).aggregate(counts, { uid: 'x' }),
  );
  for (let i = 0; i < 2; i++) harness.processElement({ key: 'a', value: i }, i);
  expect(harness.takeOutput()).toEqual([
    { value: { rows: 1 }, timestampMs: 0, kind: '+I' },
    { value: { rows: 1 }, timestampMs: 1, kind: '-U' },
    { value: { rows: 2 }, timestampMs: 1, kind: '+U' },
  ]);
});

test('a union has a local phase in each of its streams, at its parallelism', () => {
  const env = new StreamExecutionEnvironment();
  const one = env.fromCollection<Row>([], 'one');
  const two = env.fromCollection<Row>([], 'two').map((row) => row, { parallelism: 3 });
  one
    .union(two)
    .keyBy((row) => row.key)
    .aggregate(aggregates({ values: countDistinct((row: Row) => row.value) }), { uid: 'x', miniBatch, twoPhase: true });
  const locals = env.streamGraph().nodes.filter(({ name }) => name === 'x (local)');
  expect(locals.map(({ parallelism }) => parallelism)).toEqual([1, 3]);
});

test('values that are kept with their group survive being stored, whatever their type', () => {
  const distinct = aggregates({ values: countDistinct((value: string | number | boolean) => value) });
  const { accumulatorSchema } = distinct;
  let accumulator = distinct.createAccumulator();
  for (const value of ['a', 'n1;', '', 1, -0.5, true, false, 'a', 1]) accumulator = distinct.add(accumulator, value);
  const writer = new ByteWriter();
  accumulatorSchema.encode(writer, accumulator);
  const restored = accumulatorSchema.decode(new ByteReader(writer.buffer.subarray(0, writer.length)));
  expect(restored).toEqual(accumulator);
  expect(distinct.getResult(restored)).toEqual({ values: 7 });
});
