import {
  type AsyncFunction,
  AsyncRetryStrategies,
  collectionSource,
  defineJob,
  defineWindowFunction,
  EventTimeSessionWindows,
  type Infer,
  long,
  OutputTag,
  record,
  RetryPredicates,
  string,
  timestampMs,
  WatermarkStrategy,
} from 'tidemark';

const Click = record('Click', { userId: string(), page: string(), at: timestampMs() });
type Click = Infer<typeof Click>;
const Session = record('Session', { userId: string(), start: timestampMs(), end: timestampMs(), clicks: long() });
type Session = Infer<typeof Session>;

const LATE = new OutputTag<Click>('late-clicks');

const toSession = defineWindowFunction({
  process(userId: string, { window }, clicks: readonly Click[], out) {
    out.collect({ userId, start: window.startMs, end: window.endMs, clicks: clicks.length });
  },
});

const withCountry: AsyncFunction<Session, string> = {
  async asyncInvoke(session) {
    const country = await countryOf(session.userId);
    return [describe(session, country)];
  },
  timeout: (session) => [describe(session, 'unknown')],
};

export default defineJob({
  name: 'sessions-with-country',
  options: { checkpointInterval: '10s' },
  build(env) {
    const clicks = env.fromSource(
      collectionSource(clicksOfADay(), { recordsPerSecond: 4 }),
      'clicks',
      WatermarkStrategy.forBoundedOutOfOrderness<Click>('10s')
        .withTimestamp((click) => click.at)
        .withIdleness('1m'),
    );
    const sessions = clicks
      .keyBy((click) => click.userId)
      .window(EventTimeSessionWindows.withGap('15m'))
      .allowedLateness('5m')
      .sideOutputLateData(LATE)
      .process(toSession, { uid: 'sessions', schema: Click });

    sessions
      .unorderedWait(withCountry, {
        uid: 'country',
        schema: Session,
        timeout: '1s',
        capacity: 50,
        retry: AsyncRetryStrategies.fixedDelay<string>({
          maxAttempts: 3,
          delay: '100ms',
          ifError: RetryPredicates.anyError,
        }),
      })
      .print('session');
    sessions.getSideOutput(LATE).print('late');
  },
});

/** Stands for `fetch(...)` from a profile service. */
function countryOf(userId: string): Promise<string> {
  return Promise.resolve(userId === 'ann' ? 'DE' : 'FR');
}

function describe({ userId, clicks, start, end }: Session, country: string): string {
  return `${userId} (${country}): ${clicks} clicks in ${(end - start) / 60_000} min`;
}

function clicksOfADay(): Click[] {
  const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);
  return [
    { userId: 'ann', page: '/', at: at('10:00:00') },
    { userId: 'bob', page: '/', at: at('10:01:00') },
    { userId: 'ann', page: '/shoes', at: at('10:04:00') },
    { userId: 'ann', page: '/', at: at('11:00:00') },
    { userId: 'ann', page: '/cart', at: at('10:07:00') },
  ];
}
