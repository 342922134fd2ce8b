import {
  collectionSource,
  type Collector,
  defineJob,
  defineProcess,
  type Infer,
  long,
  mapState,
  record,
  string,
  timestampMs,
  valueState,
  WatermarkStrategy,
} from 'tidemark';

const Click = record('Click', { userId: string(), page: string(), at: timestampMs() });
type Click = Infer<typeof Click>;

const at = (time: string): number => Date.parse(`${time}:00Z`);

const CLICKS: readonly Click[] = [
  { userId: 'ann', page: '/', at: at('2026-01-01T10:00') },
  { userId: 'bob', page: '/', at: at('2026-01-01T11:00') },
  { userId: 'ann', page: '/shoes', at: at('2026-01-02T10:00') },
  { userId: 'cat', page: '/', at: at('2026-02-14T10:00') }, // the watermark moves on
  { userId: 'bob', page: '/hats', at: at('2026-02-15T10:00') },
  { userId: 'ann', page: '/', at: at('2026-02-15T11:00') },
];

// #region function
const firstClick = defineProcess({
  uid: 'first-click',
  state: {
    firstAt: valueState(timestampMs(), { ttl: { eventTime: '30d' } }),
    clicksByPage: mapState(string(), long()),
  },
  processElement(click: Click, { state }, out: Collector<Click>) {
    state.clicksByPage.set(click.page, (state.clicksByPage.get(click.page) ?? 0) + 1);
    if (state.firstAt.value() !== undefined) return;
    state.firstAt.update(click.at);
    out.collect(click);
  },
});
// #endregion

export default defineJob({
  name: 'first-clicks',
  build(env) {
    env
      .fromSource(
        collectionSource(CLICKS, { recordsPerSecond: 4 }),
        'clicks',
        WatermarkStrategy.forMonotonousTimestamps<Click>().withTimestamp((click) => click.at),
      )
      .keyBy((click) => click.userId)
      .process(firstClick)
      .map(({ userId, at: atMs }) => `${userId} on ${new Date(atMs).toISOString().slice(0, 10)}`)
      .print('first');
  },
});
