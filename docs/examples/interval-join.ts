import { collectionSource, defineJob, type Infer, record, string, timestampMs, WatermarkStrategy } from 'tidemark';

const Impression = record('Impression', { id: string(), ad: string(), at: timestampMs() });
type Impression = Infer<typeof Impression>;
const Click = record('Click', { impressionId: string(), at: timestampMs() });
type Click = Infer<typeof Click>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const IMPRESSIONS: readonly Impression[] = [
  { id: 'i1', ad: 'shoes', at: at('10:00:00') },
  { id: 'i2', ad: 'hats', at: at('10:01:00') },
  { id: 'i3', ad: 'socks', at: at('11:30:00') },
];
const CLICKS: readonly Click[] = [
  { impressionId: 'i1', at: at('10:04:00') },
  { impressionId: 'i9', at: at('10:05:00') }, // of no impression
  { impressionId: 'i3', at: at('11:31:00') },
];

export default defineJob({
  name: 'clicks-of-impressions',
  build(env) {
    const impressions = env.fromSource(
      collectionSource(IMPRESSIONS, { recordsPerSecond: 4 }),
      'impressions',
      WatermarkStrategy.forMonotonousTimestamps<Impression>().withTimestamp((impression) => impression.at),
    );
    const clicks = env.fromSource(
      collectionSource(CLICKS, { recordsPerSecond: 4 }),
      'clicks',
      WatermarkStrategy.forMonotonousTimestamps<Click>().withTimestamp((click) => click.at),
    );
    // #region inner
    const joined = impressions
      .keyBy((impression) => impression.id)
      .intervalJoin(clicks.keyBy((click) => click.impressionId))
      .between(0, '30m');

    joined
      .map((impression, click) => `${impression.ad} clicked after ${(click.at - impression.at) / 60_000} min`, {
        uid: 'clicked',
        leftSchema: Impression,
        rightSchema: Click,
      })
      .print('inner');
    // #endregion
    // #region outer
    const text = (impression: Impression, click: Click | undefined): string =>
      `${impression.ad} ${click === undefined ? 'not clicked' : 'clicked'}`;

    joined.leftOuter().map(text, { uid: 'clicked-or-not', leftSchema: Impression, rightSchema: Click }).print('final');

    joined
      .leftOuter({ emitUnmatched: 'early' })
      .map(text, { uid: 'clicked-so-far', leftSchema: Impression, rightSchema: Click })
      .print('early');
    // #endregion
  },
});
