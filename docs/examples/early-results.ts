import {
  collectionSource,
  ContinuousEventTimeTrigger,
  defineJob,
  type Infer,
  long,
  PurgingTrigger,
  record,
  string,
  timestampMs,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from 'tidemark';

const Sale = record('Sale', { shop: string(), cents: long(), at: timestampMs() });
type Sale = Infer<typeof Sale>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const SALES: readonly Sale[] = [
  { shop: 'north', cents: 100, at: at('10:10:00') },
  { shop: 'north', cents: 200, at: at('10:40:00') },
  { shop: 'south', cents: 50, at: at('11:05:00') }, // the watermark passes 11:00
  { shop: 'north', cents: 300, at: at('11:20:00') },
  { shop: 'south', cents: 60, at: at('12:10:00') }, // and 12:00
];

export default defineJob({
  name: 'early-results',
  build(env) {
    const windows = env
      .fromSource(
        collectionSource(SALES, { recordsPerSecond: 4 }),
        'sales',
        WatermarkStrategy.forMonotonousTimestamps<Sale>().withTimestamp((sale) => sale.at),
      )
      .keyBy((sale) => sale.shop)
      .window(TumblingEventTimeWindows.of('2h'));
    // #region triggers
    windows
      .trigger(ContinuousEventTimeTrigger.of('1h'))
      .sum('cents', { uid: 'sales-so-far', schema: Sale })
      .map(({ shop, cents }) => `${shop} ${cents}`)
      .print('so far');
    windows
      .trigger(PurgingTrigger.of(ContinuousEventTimeTrigger.of('1h')))
      .sum('cents', { uid: 'sales-since-last', schema: Sale })
      .map(({ shop, cents }) => `${shop} ${cents}`)
      .print('since last');
    // #endregion
  },
});
