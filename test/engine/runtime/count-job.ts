import type { Sink } from '../../../engine/task/sink.ts';
import {
  type DataStream,
  defineProcess,
  long,
  type StreamExecutionEnvironment,
  valueState,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { generatorSource, type GeneratorSourceOptions } from '../../../operators/source/collection/generator-source.ts';

export const KEY_COUNT = 7;

/** Numbers 0, 1, 2, … of each split, as `split * 10,000 + index`; the index is the event time in milliseconds. */
export function numbers(
  env: StreamExecutionEnvironment,
  name: string,
  options: Partial<GeneratorSourceOptions<number>> & { readonly idleness?: string; readonly parallelism?: number } = {},
): DataStream<number> {
  const { idleness, parallelism, ...generator } = options;
  const strategy = WatermarkStrategy.forMonotonousTimestamps<number>().withTimestamp((n) => n % 10_000);
  return env.fromSource(
    generatorSource({
      name,
      countPerSplit: 100,
      recordAt: (splitIndex, index) => splitIndex * 10_000 + index,
      ...generator,
    }),
    name,
    idleness === undefined ? strategy : strategy.withIdleness(idleness),
    { parallelism },
  );
}

/**
 * The running count of each of 7 keys, as `key:count` with every record: rows that tell at once when something was lost,
 * doubled, or counted in another order.
 */
export const runningCount = defineProcess({
  uid: 'count',
  state: { count: valueState(long()) },
  processElement(n: number, { state, currentKey }, out) {
    const count = (state.count.value() ?? 0) + 1;
    state.count.update(count);
    out.collect(`${currentKey}:${count}#${n}`);
  },
});

/** Numbers, counted by key, into a sink. */
export function countJob(
  sink: () => Sink<string>,
  options: Partial<GeneratorSourceOptions<number>> = {},
): (env: StreamExecutionEnvironment) => void {
  return (env) => {
    numbers(env, 'numbers', options)
      .keyBy((n) => n % KEY_COUNT)
      .process(runningCount)
      .map(String)
      .sinkTo(sink(), { uid: 'out' });
  };
}

/** What a count job over one split of `count` numbers writes, sorted. */
export function expectedCounts(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n % KEY_COUNT}:${Math.floor(n / KEY_COUNT) + 1}#${n}`).sort();
}

/** Rows without the record that caused them, sorted: where several sources are counted their order is anyone's. */
export function countsOf(rows: readonly string[]): string[] {
  return rows.map((row) => row.slice(0, row.indexOf('#'))).sort();
}
