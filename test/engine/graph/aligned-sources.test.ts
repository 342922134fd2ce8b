import { expect, test } from 'vitest';
import { createJobGraph } from '../../../engine/graph/job-graph.ts';
import type { JobOptions } from '../../../engine/graph/job-options.ts';
import {
  collectSink,
  type DataStream,
  defineCoProcess,
  type Infer,
  long,
  record,
  StreamExecutionEnvironment,
  WatermarkStrategy,
} from '../../../operators/index.ts';

const Row = record('Row', { at: long() });
type Row = Infer<typeof Row>;
const TIMES = WatermarkStrategy.forMonotonousTimestamps<Row>().withTimestamp((row) => row.at);

type Strategies = Readonly<Record<string, WatermarkStrategy<Row>>>;

/** Groups of a job over sources a, b, c, d, each as the names of its sources. */
function groupsOf(
  build: (streams: Record<'a' | 'b' | 'c' | 'd', DataStream<Row>>) => void,
  { strategies = {}, ...options }: JobOptions & { readonly strategies?: Strategies } = {},
): string[] {
  const env = new StreamExecutionEnvironment();
  const stream = (name: string): DataStream<Row> => env.fromCollection<Row>([], name, strategies[name] ?? TIMES);
  build({ a: stream('a'), b: stream('b'), c: stream('c'), d: stream('d') });
  const graph = env.streamGraph();
  const { alignedSources } = createJobGraph(graph, options);
  const groups = Map.groupBy(alignedSources, ({ alignment }) => alignment.group);
  return [...groups.values()].map((members) =>
    [...members.map(({ nodeId }) => graph.nodes[nodeId]!.name), members[0]!.alignment.maxDriftMs].join(' '),
  );
}

let uids = 0;
const key = (): string => 'all';

function join(left: DataStream<Row>, right: DataStream<Row>): DataStream<Row> {
  return left
    .keyBy(key)
    .intervalJoin(right.keyBy(key))
    .between(0, 1)
    .map((row) => row, { uid: `join-${uids++}`, leftSchema: Row, rightSchema: Row });
}

test('all sources before a join form a group; joins that share a source form one', () => {
  expect(groupsOf(({ a, b }) => void join(a.map((row) => row).union(a), b))).toEqual(['a b 60000']);
  expect(
    groupsOf(({ a, b, c, d }) => {
      join(a, b);
      join(c, d);
    }),
  ).toEqual(['a b 60000', 'c d 60000']);
  expect(
    groupsOf(({ a, b, c, d }) => {
      join(a, b);
      join(c, d);
      join(b, c);
    }),
  ).toEqual(['a b c d 60000']);
  expect(groupsOf(({ a, b, c }) => void join(join(a, b), c))).toEqual(['a b c 60000']);
});

test('two keyed inputs wait for each other, others do not: broadcasts, unions, inputs without key, processing time', () => {
  const pass = (row: Row, _context: unknown, out: { collect(row: Row): void }): void => out.collect(row);
  const both = defineCoProcess({ uid: 'both', processElement1: pass, processElement2: pass });
  expect(groupsOf(({ a, b }) => void a.keyBy(key).connect(b.keyBy(key)).process(both))).toEqual(['a b 60000']);
  expect(groupsOf(({ a, b }) => a.union(b).sinkTo(collectSink(), { uid: 'out' }))).toEqual([]);
  expect(
    groupsOf(
      ({ a, b }) =>
        void a.connect(b).map(
          (row) => row,
          (row) => row,
        ),
    ),
  ).toEqual([]);
  expect(
    groupsOf(({ a, b }) => {
      a.keyBy(key)
        .temporalJoin(b.keyBy(key))
        .inProcessingTime()
        .map((row) => row, { uid: 'temporal', leftSchema: Row, rightSchema: Row });
    }),
  ).toEqual([]);
});

test('what a source says itself wins; the job may say another drift, or none', () => {
  const abc = ({ a, b, c }: Record<'a' | 'b' | 'c', DataStream<Row>>): void => void join(join(a, b), c);
  expect(groupsOf(abc, { watermarkAlignment: '5m' })).toEqual(['a b c 300000']);
  expect(groupsOf(abc, { watermarkAlignment: false })).toEqual([]);
  expect(groupsOf(abc, { strategies: { b: TIMES.withoutWatermarkAlignment() } })).toEqual(['a c 60000']);
  expect(groupsOf(abc, { strategies: { b: WatermarkStrategy.noWatermarks<Row>() } })).toEqual(['a c 60000']);
  const own = TIMES.withWatermarkAlignment('mine', '20s');
  expect(groupsOf(abc, { strategies: { b: own, d: own } })).toEqual(['a c 60000', 'b d 20000']);
  expect(groupsOf(abc, { watermarkAlignment: false, strategies: { b: own } })).toEqual(['b 20000']);
});

test('refused: a negative drift, an update interval that is not positive, a group without name, no idleness', () => {
  expect(() => groupsOf(() => {}, { watermarkAlignment: -1 })).toThrow(/must not be negative, found -1 ms/);
  expect(() => TIMES.withWatermarkAlignment('g', '-1s')).toThrow(/must not be negative, found -1000 ms/);
  expect(() => TIMES.withWatermarkAlignment('g', '1s', 0)).toThrow(/must be positive, found 0 ms/);
  expect(() => TIMES.withWatermarkAlignment('', '1s')).toThrow(/needs a name/);
  expect(() => TIMES.withIdleness(0)).toThrow(/must be positive, found 0 ms/);
});
