import { VirtualEnvironment } from '../../engine/base/environment-virtual.ts';
import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import {
  type Collector,
  type DataStream,
  OutputTag,
  StreamExecutionEnvironment,
  UserError,
  type ValueState,
  WatermarkStrategy,
  defineCoProcess,
  defineJob,
  defineProcess,
  mapState,
  valueState,
} from '../../operators/index.ts';
import { boolean, long, string } from '../../state/schema/scalars.ts';

interface Click {
  readonly clickId: string;
  readonly userId: string;
}

const firstClick = defineProcess({
  uid: 'first-click',
  state: { seen: valueState(boolean(), { ttl: { eventTime: '30d' } }), counts: mapState(string(), long()) },
  processElement(click: Click, { state, currentKey }, out: Collector<Click>) {
    expectTypeOf(state.seen).toEqualTypeOf<ValueState<boolean>>();
    expectTypeOf(currentKey).toExtend<string | number | bigint | boolean>();
    if (state.seen.value()) return;
    state.seen.update(true);
    state.counts.set(click.userId, 1);
    out.collect(click);
  },
});

function clicks(env: StreamExecutionEnvironment, name = 'clicks'): DataStream<Click> {
  return env.fromCollection<Click>([], name);
}

test('a job writes nodes and edges: forward by default, hash behind keyBy, side outputs and unions as edges', () => {
  const env = new StreamExecutionEnvironment();
  const late = new OutputTag<Click>('late');
  const first = clicks(env).filter((click) => click.userId !== '');
  const processed = first.keyBy((click) => click.userId).process(firstClick);
  expectTypeOf(processed).toEqualTypeOf<DataStream<Click>>();
  processed
    .union(processed.getSideOutput(late))
    .map((click) => click.clickId)
    .rebalance()
    .sinkTo(collectSink(), { uid: 'ids' });
  const { nodes, edges } = env.streamGraph();
  expect(nodes.map(({ kind, name, uid }) => [kind, name, uid])).toEqual([
    ['source', 'clicks', 'clicks'],
    ['operator', 'filter', undefined],
    ['operator', 'first-click', 'first-click'],
    ['operator', 'map', undefined],
    ['sink', 'ids', 'ids'],
  ]);
  expect(
    edges.map((edge) => [edge.sourceNodeId, edge.targetNodeId, edge.partitioning.kind, edge.sideOutputTag?.id]),
  ).toEqual([
    [0, 1, 'forward', undefined],
    [1, 2, 'hash', undefined],
    [2, 3, 'forward', undefined],
    [2, 3, 'forward', 'late'],
    [3, 4, 'rebalance', undefined],
  ]);
});

test('connected keyed streams feed the two inputs of one operator', () => {
  const env = new StreamExecutionEnvironment();
  const byUser = (click: Click): string => click.userId;
  clicks(env)
    .keyBy(byUser)
    .connect(clicks(env, 'more').keyBy(byUser))
    .process(
      defineCoProcess({
        uid: 'both',
        state: { last: valueState(string()) },
        processElement1(click: Click, { state }, out: Collector<string>) {
          out.collect(state.last.value() ?? click.clickId);
        },
        processElement2(click: Click, { state }) {
          state.last.update(click.clickId);
        },
      }),
    )
    .sinkTo(collectSink<string>(), { uid: 'out' });
  const { nodes, edges } = env.streamGraph();
  expect(nodes[2]).toMatchObject({ kind: 'operator', inputCount: 2, isStateful: true, uid: 'both' });
  expect(edges.slice(0, 2).map(({ inputIndex, partitioning }) => [inputIndex, partitioning.kind])).toEqual([
    [0, 'hash'],
    [1, 'hash'],
  ]);
});

const mistakes: readonly [string, (stream: DataStream<Click>) => void, RegExp][] = [
  [
    'a stateful operator without uid',
    (stream) => stream.keyBy((click) => click.userId).process(() => ({ processElement() {} }), {} as never),
    /process 'process' keeps state but has no uid/,
  ],
  [
    'a sink without uid',
    (stream) => stream.sinkTo(collectSink(), {} as never),
    /sink 'sink' keeps state but has no uid/,
  ],
  [
    'one uid for two operators',
    (stream) =>
      void stream.map((click) => click, { uid: 'x', name: 'one' }).map((click) => click, { uid: 'x', name: 'two' }),
    /uid 'x' is used twice: by map 'one' and by map 'two'/,
  ],
  [
    'state without keyBy',
    (stream) => void stream.process(firstClick),
    /'first-click' has state or timers, but its stream is not keyed/,
  ],
  ['an unknown duration', () => void WatermarkStrategy.forBoundedOutOfOrderness('5 parsecs'), /found '5 parsecs'/],
  [
    'a parallelism of zero',
    (stream) => void stream.map((click) => click, { parallelism: 0 }),
    /positive integer, found 0/,
  ],
  [
    'a side output of a union',
    (stream) => void stream.union(stream).getSideOutput(new OutputTag('late')),
    /'late' was asked of a stream that is not the result of one operator/,
  ],
];

for (const [what, write, message] of mistakes) {
  test(`refused: ${what}`, () => {
    expect(() => write(clicks(new StreamExecutionEnvironment()))).toThrow(message);
    expect(() => write(clicks(new StreamExecutionEnvironment()))).toThrow(UserError);
  });
}

test('a job builds its graph from typed parameters', () => {
  const seen: unknown[] = [];
  const job = defineJob({
    name: 'clicks',
    params: { brokers: z.string().default('127.0.0.1:9092'), rate: z.number().optional() },
    options: { parallelism: 2 },
    build(env, params) {
      expectTypeOf(params.rate).toEqualTypeOf<number | undefined>();
      seen.push(params);
      clicks(env).map((click) => click);
    },
  });
  const graph = job.createGraph({ brokers: 'b:1', rate: 12.5 }, new VirtualEnvironment());
  expect(graph.nodes).toHaveLength(2);
  expect(seen).toEqual([{ brokers: 'b:1', rate: 12.5 }]);
  expect(job.options).toEqual({ parallelism: 2 });
});
