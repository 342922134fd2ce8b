import {
  collectionSource,
  type Collector,
  defineJob,
  defineProcess,
  hasTimestamp,
  type Infer,
  MAX_TIMESTAMP_MS,
  MIN_TIMESTAMP_MS,
  record,
  string,
  timestampMs,
  WatermarkStrategy,
} from 'tidemark';

const Reading = record('Reading', { sensor: string(), at: timestampMs() });
type Reading = Infer<typeof Reading>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const READINGS: readonly Reading[] = [
  { sensor: 'a', at: at('10:00:00') },
  { sensor: 'a', at: at('10:00:30') },
  { sensor: 'a', at: at('10:00:25') }, // out of order, and not late
  { sensor: 'a', at: at('10:01:00') },
  { sensor: 'a', at: at('10:00:40') }, // late: the watermark has passed it
];

const showTime = defineProcess({
  uid: 'show-time',
  processElement(_reading: Reading, { timestamp, currentWatermark }, out: Collector<string>) {
    const isLate = timestamp <= currentWatermark;
    out.collect(`${shown(timestamp)} came at watermark ${shown(currentWatermark)}${isLate ? ': late' : ''}`);
  },
});

export default defineJob({
  name: 'watermarks',
  build(env) {
    env
      .fromSource(
        collectionSource(READINGS, { recordsPerSecond: 4 }),
        'readings',
        // #region strategy
        WatermarkStrategy.forBoundedOutOfOrderness<Reading>('10s')
          .withTimestamp((reading) => reading.at)
          .withIdleness('1m'),
        // #endregion
      )
      .keyBy((reading) => reading.sensor)
      .process(showTime)
      .print('reading');
  },
});

function shown(timeMs: number): string {
  if (!hasTimestamp(timeMs) || timeMs === MIN_TIMESTAMP_MS) return '(none)';
  return timeMs === MAX_TIMESTAMP_MS ? '(end)' : new Date(timeMs).toISOString().slice(11, 23);
}
