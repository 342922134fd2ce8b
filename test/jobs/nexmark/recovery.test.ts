import { expect, test } from 'vitest';
import { CollectedRows } from '../../../operators/sink/collect/collect-sink.ts';
import type { VirtualJob } from '../../harness/virtual-job.ts';
import { BruteForce } from './brute-force.ts';
import { JSON_PATH, testEventFiles, testEvents } from './event-files.ts';
import { startQuery, standingRows } from './query-run.ts';

const EVENT_COUNT = 40_000;

/** Windows, an updated join, a lasting join, many distinct values, one row per key, ranks; the first three are the kinds that differ most. */
const QUERIES = ['q5', 'q9', 'q15', 'q20', 'q18', 'q19'] as const;

test.each(QUERIES)('%s comes to the same after crashes, at another parallelism each time', async (query) => {
  const events = testEvents(EVENT_COUNT, { tps: 1000 });
  const files = await testEventFiles(events);
  const rows = new CollectedRows<object>();
  const start = (seed: number, parallelism: number): VirtualJob =>
    startQuery({
      ...{ query, files, rows, seed, parallelism, checkpointRoot: '/checkpoints/recovery', cacheBytes: 256 * 1024 },
      // Code takes time, so that checkpoints come while records are read.
      ...{ checkpointInterval: 15, lookMs: 3 },
    });
  let restoredFrom = 0;
  for (const [seed, parallelism] of [
    [1, 2],
    [2, 3],
  ] as const) {
    const job = start(seed, parallelism);
    await crashAfterCheckpoints(job, 1);
    expect(job.execution.status.restoredCheckpointId ?? 0).toBe(restoredFrom);
    restoredFrom = job.execution.status.checkpoints.lastCheckpointId!;
  }
  const last = start(3, 1);
  await last.environment.run(last.execution.result);
  expect(last.execution.status.sourceRecordCount).toBeLessThan(EVENT_COUNT);
  const free: readonly number[] | undefined = { q9: FREE_OF_TIES_Q9, q18: [0, 1, 5], q19: [0, 2, 7] }[query as 'q9'];
  const pick = (row: string): string => (free === undefined ? row : free.map((at) => row.split('|')[at]).join('|'));
  expect(standingRows(query, rows).map(pick).sort()).toEqual(new BruteForce(events).rows(query).map(pick).sort());
});

const FREE_OF_TIES_Q9 = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13];

test('JSON lines go on in the middle too', async () => {
  const events = testEvents(EVENT_COUNT, { tps: 1000 });
  const files = await testEventFiles(events);
  const rows = new CollectedRows<object>();
  const start = (seed: number): VirtualJob =>
    startQuery({
      ...{ query: 'q3', kind: 'json', path: JSON_PATH, files, rows, seed, checkpointRoot: '/checkpoints/json' },
      ...{ checkpointInterval: 15, lookMs: 3 },
    });
  await crashAfterCheckpoints(start(1), 2);
  const last = start(2);
  await last.environment.run(last.execution.result);
  expect(standingRows('q3', rows)).toEqual(new BruteForce(events).rows('q3'));
});

/** Lets a job run until so many checkpoints of its own are complete and a little more, and then leaves it where it is. */
async function crashAfterCheckpoints({ environment, execution }: VirtualJob, count: number): Promise<void> {
  for (let idleTurns = 0; execution.status.checkpoints.completedCount < count;) {
    idleTurns = (await environment.runSteps(1)) === 0 ? idleTurns + 1 : 0;
    const { state } = execution.status;
    if (state === 'finished' || state === 'failed' || idleTurns > 100)
      throw new Error(`the job was ${state} before it had ${count} checkpoints`);
  }
  await environment.runSteps(5);
}
