import { expect, expectTypeOf, test } from 'vitest';
import {
  type DataStream,
  type Infer,
  type KeyedStream,
  OutputTag,
  StreamExecutionEnvironment,
  long,
  record,
  string,
} from '../../operators/index.ts';

const Impression = record('Impression', { id: string(), at: long() });
const Click = record('Click', { impressionId: string(), at: long() });
type Impression = Infer<typeof Impression>;
type Click = Infer<typeof Click>;
const schemas = { leftSchema: Impression, rightSchema: Click };

function sides(): { impressions: KeyedStream<Impression, string>; clicks: KeyedStream<Click, string> } {
  const env = new StreamExecutionEnvironment();
  return {
    impressions: env.fromCollection<Impression>([], 'impressions').keyBy((impression) => impression.id),
    clicks: env.fromCollection<Click>([], 'clicks').keyBy((click) => click.impressionId),
  };
}

test('inner and outer joins: what may be missing shows in the types, and both inputs are keyed', () => {
  const { impressions, clicks } = sides();
  const join = impressions.intervalJoin(clicks).between('0s', '30m').upperBoundExclusive();
  const inner = join.map((impression, click) => [impression.id, click.at] as const, { uid: 'inner', ...schemas });
  expectTypeOf(inner).toEqualTypeOf<DataStream<readonly [string, number]>>();
  join.leftOuter({ emitUnmatched: 'early' }).map(
    (impression, click) => {
      expectTypeOf(impression).toEqualTypeOf<Impression>();
      expectTypeOf(click).toEqualTypeOf<Click | undefined>();
      return impression.id;
    },
    { uid: 'left', ...schemas },
  );
  join
    .fullOuter()
    .process({ processElement: (left, _right, _context, out) => out.collect(left?.id) }, { uid: 'full', ...schemas });
  const { nodes, edges } = impressions.stream.graph.build();
  expect(nodes.map((node) => node.name)).toEqual(['impressions', 'clicks', 'inner', 'left', 'full']);
  expect(edges.map((edge) => [edge.targetNodeId, edge.inputIndex, edge.partitioning.kind])).toEqual(
    [2, 3, 4].flatMap((nodeId) => [0, 1].map((inputIndex) => [nodeId, inputIndex, 'hash'])),
  );
});

test('refused: crossed bounds, no schema, late data of an outer join, a negative lateness', () => {
  const { impressions, clicks } = sides();
  const joined = impressions.intervalJoin(clicks);
  expect(() => joined.between('1s', '0s')).toThrow(/lower bound that is not above the upper, found 1000 and 0 ms/);
  const join = joined.between('0s', '1s');
  expect(() => join.map(() => 1, { uid: 'x' } as never)).toThrow(/'x' keeps rows but has no schema/);
  expect(() => join.sideOutputLeftLateData(new OutputTag('late')).leftOuter()).toThrow(/has no late rows/);
  expect(() => join.leftOuter({ allowedLateness: '-1s' }).map(() => 1, { uid: 'x', ...schemas })).toThrow(
    /must not be negative/,
  );
});
