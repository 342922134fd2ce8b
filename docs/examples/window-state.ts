import {
  collectionSource,
  countEvictor,
  defineJob,
  defineWindowFunction,
  float64,
  type Infer,
  record,
  string,
  timestampMs,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
} from 'tidemark';

const Reading = record('Reading', { sensor: string(), celsius: float64(), at: timestampMs() });
type Reading = Infer<typeof Reading>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const READINGS: readonly Reading[] = [
  { sensor: 'roof', celsius: 20, at: at('10:00:10') },
  { sensor: 'roof', celsius: 30, at: at('10:00:20') },
  { sensor: 'roof', celsius: 32, at: at('10:00:30') },
  { sensor: 'roof', celsius: 24, at: at('10:01:10') },
  { sensor: 'roof', celsius: 26, at: at('10:01:20') },
];

// #region function
const changeByMinute = defineWindowFunction({
  globalState: { previous: valueState(float64()) },
  process(sensor: string, { window, globalState }, readings: readonly Reading[], out) {
    const mean = readings.reduce((sum, { celsius }) => sum + celsius, 0) / readings.length;
    const previous = globalState.previous.value();
    globalState.previous.update(mean);
    out.collect({ sensor, until: new Date(window.endMs).toISOString().slice(11, 16), mean, previous });
  },
});
// #endregion

export default defineJob({
  name: 'window-state',
  build(env) {
    env
      .fromSource(
        collectionSource(READINGS, { recordsPerSecond: 4 }),
        'readings',
        WatermarkStrategy.forMonotonousTimestamps<Reading>().withTimestamp((reading) => reading.at),
      )
      .keyBy((reading) => reading.sensor)
      .window(TumblingEventTimeWindows.of('1m'))
      .evictor(countEvictor(2))
      .process(changeByMinute, { uid: 'change-by-minute', schema: Reading })
      .print('minute');
  },
});
