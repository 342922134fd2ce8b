import { expect, expectTypeOf, test } from 'vitest';
import {
  type AggregateFunction,
  type Collector,
  CountTrigger,
  type DataStream,
  EventTimeSessionWindows,
  OutputTag,
  ProcessWindowFunction,
  StreamExecutionEnvironment,
  type TimeWindow,
  Trigger,
  TumblingEventTimeWindows,
  defineWindowFunction,
  valueState,
} from '../../operators/index.ts';
import { record } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';

const Click = record('Click', { userId: string(), at: long() });
type Click = Infer<typeof Click>;

const count: AggregateFunction<Click, number, number> = {
  accumulatorSchema: long(),
  createAccumulator: () => 0,
  add: (total) => total + 1,
  merge: (a, b) => a + b,
  getResult: (total) => total,
};

const clicks = (): DataStream<Click> => new StreamExecutionEnvironment().fromCollection<Click>([]);

test('windows of a keyed stream: types follow, settings chain', () => {
  const keyed = clicks().keyBy((click) => click.userId);
  const windowed = keyed
    .window(TumblingEventTimeWindows.of('1m'))
    .allowedLateness('10m')
    .sideOutputLateData(new OutputTag<Click>('late'));
  const counts = windowed.aggregate(count, { uid: 'counts' });
  expectTypeOf(counts).toEqualTypeOf<DataStream<number>>();
  const labelled = windowed.aggregate(
    count,
    defineWindowFunction({
      globalState: { total: valueState(long()) },
      process(key: string, { window, globalState }, elements: readonly number[], out: Collector<string>) {
        globalState.total.update((globalState.total.value() ?? 0) + elements[0]!);
        out.collect(`${key}@${(window as TimeWindow).startMs}: ${elements[0]}`);
      },
    }),
    { uid: 'labelled' },
  );
  expectTypeOf(labelled).toEqualTypeOf<DataStream<string>>();
  const latest = windowed.trigger(CountTrigger.of(10)).reduce((_, click) => click, { uid: 'latest', schema: Click });
  expectTypeOf(latest).toEqualTypeOf<DataStream<Click>>();
  class Longest extends ProcessWindowFunction<Click, number, string, TimeWindow> {
    process(_key: string, _context: unknown, elements: readonly Click[], out: Collector<number>): void {
      out.collect(elements.length);
    }
  }
  windowed.process(() => new Longest(), { uid: 'longest', schema: Click });
  expect(keyed.stream.graph.build().nodes.map((node) => node.name)).toEqual([
    'collection',
    'counts',
    'labelled',
    'latest',
    'longest',
  ]);
});

test('refused: a trigger that cannot merge on sessions, state per window on sessions, no schema', () => {
  class OnceTrigger extends Trigger {
    onElement(): 0 {
      return 0;
    }
    clear(): void {}
  }
  const sessions = clicks()
    .keyBy((click) => click.userId)
    .window(EventTimeSessionWindows.withGap('5m'));
  expect(() => sessions.trigger(new OnceTrigger())).toThrow(/OnceTrigger does not work with windows that merge/);
  const stateful = { windowState: { seen: valueState(long()) }, process() {} };
  expect(() => sessions.process(stateful, { uid: 'x', schema: Click })).toThrow(/'x' has state per window/);
  expect(() => sessions.process({ process() {} }, { uid: 'y' } as never)).toThrow(
    /'y' keeps records but has no schema/,
  );
  expect(() => sessions.allowedLateness('-1s')).toThrow(/must not be negative/);
});
