import {
  collectionSource,
  defineJob,
  defineWindowFunction,
  EventTimeSessionWindows,
  type Infer,
  OutputTag,
  record,
  string,
  timestampMs,
  WatermarkStrategy,
} from 'tidemark';

const Click = record('Click', { userId: string(), page: string(), at: timestampMs() });
type Click = Infer<typeof Click>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const CLICKS: readonly Click[] = [
  { userId: 'ann', page: '/', at: at('10:00:00') },
  { userId: 'bob', page: '/', at: at('10:01:00') },
  { userId: 'ann', page: '/shoes', at: at('10:04:00') },
  { userId: 'ann', page: '/', at: at('11:00:00') },
  { userId: 'ann', page: '/cart', at: at('10:07:00') }, // 53 minutes late
];

const LATE = new OutputTag<Click>('late');

const pagesOfSession = defineWindowFunction({
  process(userId: string, { window }, clicks: readonly Click[], out) {
    const start = new Date(window.startMs).toISOString().slice(11, 16);
    out.collect(`${userId} from ${start}: ${clicks.map(({ page }) => page).join(' ')}`);
  },
});

export default defineJob({
  name: 'sessions',
  build(env) {
    const sessions = env
      .fromSource(
        collectionSource(CLICKS, { recordsPerSecond: 4 }),
        'clicks',
        WatermarkStrategy.forBoundedOutOfOrderness<Click>('10s').withTimestamp((click) => click.at),
      )
      .keyBy((click) => click.userId)
      .window(EventTimeSessionWindows.withGap('15m'))
      .sideOutputLateData(LATE)
      .process(pagesOfSession, { uid: 'sessions', schema: Click });
    sessions.print('session');
    sessions.getSideOutput(LATE).print('late');
  },
});
