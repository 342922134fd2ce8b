import {
  AfterMatchSkipStrategy,
  boolean,
  collectionSource,
  defineJob,
  type Infer,
  OutputTag,
  Pattern,
  type PatternMatch,
  record,
  string,
  timestampMs,
  WatermarkStrategy,
} from 'tidemark';

const Login = record('Login', { user: string(), isOk: boolean(), at: timestampMs() });
type Login = Infer<typeof Login>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const LOGINS: readonly Login[] = [
  { user: 'ann', isOk: false, at: at('10:00:00') },
  { user: 'ann', isOk: false, at: at('10:00:10') },
  { user: 'bob', isOk: false, at: at('10:00:12') },
  { user: 'ann', isOk: false, at: at('10:00:20') },
  { user: 'ann', isOk: true, at: at('10:00:30') },
  { user: 'bob', isOk: true, at: at('10:05:00') },
];

// #region pattern
const attack = Pattern.begin<Login, 'failed'>('failed', AfterMatchSkipStrategy.skipPastLastEvent())
  .where((login) => !login.isOk)
  .timesOrMore(2)
  .greedy()
  .consecutive()
  .next('succeeded')
  .where((login) => login.isOk)
  .within('1m');

const TIMED_OUT = new OutputTag<PatternMatch<Login, 'failed' | 'succeeded'>>('timed-out');
// #endregion

export default defineJob({
  name: 'failed-logins',
  build(env) {
    const logins = env.fromSource(
      collectionSource(LOGINS, { recordsPerSecond: 4 }),
      'logins',
      WatermarkStrategy.forMonotonousTimestamps<Login>().withTimestamp((login) => login.at),
    );
    // #region use
    const attacks = logins
      .keyBy((login) => login.user)
      .pattern(attack, { uid: 'attacks', schema: Login, timedOutTag: TIMED_OUT })
      .select(({ failed, succeeded }) => `${succeeded[0]!.user} in after ${failed.length} failures`);
    attacks.print('attack');
    attacks
      .getSideOutput(TIMED_OUT)
      .map(({ failed }) => `${failed[0]!.user} gave up after ${failed.length}`)
      .print('timed out');
    // #endregion
  },
});
