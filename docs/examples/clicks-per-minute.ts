import {
  type AggregateFunction,
  collectionSource,
  defineJob,
  defineWindowFunction,
  type Infer,
  long,
  OutputTag,
  record,
  string,
  timestampMs,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from 'tidemark';

const Click = record('Click', { campaignId: string(), costMicros: long(), at: timestampMs() });
type Click = Infer<typeof Click>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const CLICKS: readonly Click[] = [
  { campaignId: 'shoes', costMicros: 200_000, at: at('10:00:05') },
  { campaignId: 'shoes', costMicros: 300_000, at: at('10:00:50') },
  { campaignId: 'hats', costMicros: 100_000, at: at('10:01:30') },
  { campaignId: 'shoes', costMicros: 250_000, at: at('10:00:40') }, // after the window has fired
  { campaignId: 'hats', costMicros: 100_000, at: at('10:20:00') },
  { campaignId: 'shoes', costMicros: 250_000, at: at('10:00:41') }, // after it is gone
];

const LATE = new OutputTag<Click>('late');

// #region aggregate
const Cost = record('Cost', { clicks: long(), micros: long() });
type Cost = Infer<typeof Cost>;

/** What is kept per key and window: two numbers, however many clicks there are. */
const cost: AggregateFunction<Click, Cost, Cost> = {
  accumulatorSchema: Cost,
  createAccumulator: () => ({ clicks: 0, micros: 0 }),
  add: ({ clicks, micros }, click) => ({ clicks: clicks + 1, micros: micros + click.costMicros }),
  getResult: (accumulator) => accumulator,
  merge: (a, b) => ({ clicks: a.clicks + b.clicks, micros: a.micros + b.micros }),
};

/** Called with the one result when the window fires; knows key and window. */
const withMinute = defineWindowFunction({
  process(campaignId: string, { window }, [total]: readonly Cost[], out) {
    const minute = new Date(window.startMs).toISOString().slice(11, 16);
    out.collect({ campaignId, minute, ...total! });
  },
});
// #endregion

export default defineJob({
  name: 'clicks-per-minute',
  build(env) {
    const clicks = env.fromSource(
      collectionSource(CLICKS, { recordsPerSecond: 4 }),
      'clicks',
      WatermarkStrategy.forMonotonousTimestamps<Click>().withTimestamp((click) => click.at),
    );
    // #region window
    const minutes = clicks
      .keyBy((click) => click.campaignId)
      .window(TumblingEventTimeWindows.of('1m'))
      .allowedLateness('10m')
      .sideOutputLateData(LATE)
      .aggregate(cost, withMinute, { uid: 'clicks-per-minute' });
    // #endregion
    minutes.print('minute');
    minutes.getSideOutput(LATE).print('late');
  },
});
