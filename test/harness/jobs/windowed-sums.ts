import { z } from 'zod';
import {
  type AggregateFunction,
  defineJob,
  defineProcess,
  generatorSource,
  long,
  record,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { type Trouble, troubled } from './trouble.ts';

/** What the sinks have committed. Committers run on the main thread, so of all threads' rows it is the main thread's that are filled. */
export const ROWS = { sums: new CollectedRows<string>(), counts: new CollectedRows<string>() };

/** For the next job; those that go on from its checkpoints write into the same rows. */
export function forgetRows(): void {
  ROWS.sums = new CollectedRows();
  ROWS.counts = new CollectedRows();
}

/** What has been committed so far, sorted. */
export function committedRows(): { readonly sums: string[]; readonly counts: string[] } {
  return { sums: ROWS.sums.values().sort(), counts: ROWS.counts.values().sort() };
}

const KEY_COUNT = 97;
const WINDOW_MS = 1000;

interface Event {
  readonly key: string;
  readonly amount: number;
  readonly at: number;
}

/** Event `index` of a split: a millisecond after the one before. */
function eventAt(split: number, index: number): Event {
  const hash = Math.imul(index * 31 + split * 7919 + 1, 0x9e3779b1) >>> 0;
  return { key: `k${(hash >>> 8) % KEY_COUNT}`, amount: hash % 1000, at: index };
}

const Sum = record('Sum', { sum: long() });

const sum: AggregateFunction<Event, { readonly sum: number }, number> = {
  accumulatorSchema: Sum,
  createAccumulator: () => ({ sum: 0 }),
  add: (accumulator, { amount }) => ({ sum: accumulator.sum + amount }),
  getResult: (accumulator) => accumulator.sum,
  merge: (a, b) => ({ sum: a.sum + b.sum }),
};

const runningCount = defineProcess({
  uid: 'running-count',
  state: { count: valueState(long()) },
  processElement(_event: Event, { state, currentKey }, out) {
    const count = (state.count.value() ?? 0) + 1;
    state.count.update(count);
    out.collect(`${String(currentKey)}#${count}`);
  },
});

/** Sums per key and second, and a running count of every event: rows that tell at once when something was lost or doubled. */
export default defineJob({
  name: 'windowed-sums',
  params: {
    splits: z.number().default(3),
    perSplit: z.number().default(5000),
    /** Of all splits together. Default: as fast as it goes. */
    recordsPerSecond: z.number().optional(),
    trouble: z.custom<Trouble>().optional(),
  },
  build(env, { splits, perSplit, recordsPerSecond, trouble }) {
    const events = env
      .fromSource(
        generatorSource<Event>({ splitCount: splits, countPerSplit: perSplit, recordAt: eventAt, recordsPerSecond }),
        'events',
        WatermarkStrategy.forMonotonousTimestamps<Event>().withTimestamp((event) => event.at),
      )
      .rebalance()
      .map(troubled(trouble));
    events
      .keyBy((event) => event.key)
      .window(TumblingEventTimeWindows.of(WINDOW_MS))
      .aggregate(
        sum,
        { process: (key, { window }, [total], out) => out.collect(`${key} ${window.startMs} ${total}`) },
        { uid: 'sums' },
      )
      .sinkTo(collectSink({ into: ROWS.sums }), { uid: 'sums-out' });
    events
      .keyBy((event) => event.key)
      .process(runningCount)
      .sinkTo(collectSink({ into: ROWS.counts }), { uid: 'counts-out' });
  },
});

/** What the job writes, sorted; computed without it. */
export function expectedRows(splits: number, perSplit: number): { readonly sums: string[]; readonly counts: string[] } {
  const sums = new Map<string, number>();
  const counts = new Map<string, number>();
  const countRows: string[] = [];
  for (let split = 0; split < splits; split++) {
    for (let index = 0; index < perSplit; index++) {
      const { key, amount, at } = eventAt(split, index);
      const window = `${key} ${Math.floor(at / WINDOW_MS) * WINDOW_MS}`;
      sums.set(window, (sums.get(window) ?? 0) + amount);
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      countRows.push(`${key}#${count}`);
    }
  }
  return { sums: [...sums].map(([window, total]) => `${window} ${total}`).sort(), counts: countRows.sort() };
}
