import { expect, test } from 'vitest';
import {
  collectionSource,
  CollectedRows,
  collectSink,
  type Infer,
  long,
  OutputTag,
  type PatternMatch,
  record,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';

const Step = record('Step', { user: long(), kind: long(), at: long() });
type Step = Infer<typeof Step>;

const COUNT = 900;
/** Every user makes three steps, 0, 1 and 2; every fourth user leaves out the last. */
const stepAt = (i: number): Step => {
  const user = Math.floor(i / 3);
  const kind = i % 3;
  return { user, kind: kind === 2 && user % 4 === 3 ? 9 : kind, at: 1000 + user * 10 + kind * 25 };
};

test('a whole job finds every match once, and every one that was not completed, through a failure', async () => {
  const matches = new CollectedRows<number>();
  const timeouts = new CollectedRows<number>();
  const timedOutTag = new OutputTag<PatternMatch<Step, 'one' | 'two' | 'three'>>('timed-out');
  let failures = 1;
  const job = startVirtualJob({
    parallelism: 2,
    checkpointInterval: 20,
    batchRecords: 16,
    restart: { kind: 'fixed-delay', attempts: 3, delay: 10 },
    build(env) {
      const strategy = WatermarkStrategy.forBoundedOutOfOrderness<Step>('100ms').withTimestamp((step) => step.at);
      const found = env
        .fromSource(collectionSource({ count: COUNT, at: stepAt }, { splits: 2 }), 'steps', strategy)
        .keyBy((step) => step.user)
        .pattern(
          (begin) =>
            begin('one')
              .where((step) => step.kind === 0)
              .next('two')
              .where((step) => step.kind === 1)
              .followedBy('three')
              .where((step, context) => step.kind === 2 && context.eventsForPattern('one')[0]!.user === step.user)
              .within('1s'),
          { uid: 'steps-of-users', schema: Step, timedOutTag },
        )
        .select(({ one, two, three }) => {
          const { user } = one[0]!;
          if (user === 200 && failures-- > 0) throw new Error('broken');
          return two.length === 1 && three.length === 1 ? user : -1;
        });
      found.sinkTo(collectSink({ into: matches }), { uid: 'matches' });
      found
        .getSideOutput(timedOutTag)
        .map(({ one, two, three }) => (two.length === 1 && three.length === 0 ? one[0]!.user : -1))
        .sinkTo(collectSink({ into: timeouts }), { uid: 'timeouts' });
    },
  });
  await job.environment.run(job.execution.result);
  expect(job.execution.status).toMatchObject({ state: 'finished', restartCount: 1 });
  const users = Array.from({ length: COUNT / 3 }, (_, user) => user);
  const sorted = (rows: CollectedRows<number>): number[] => rows.values().toSorted((a, b) => a - b);
  expect(sorted(matches)).toEqual(users.filter((user) => user % 4 !== 3));
  expect(sorted(timeouts)).toEqual(users.filter((user) => user % 4 === 3));
});
