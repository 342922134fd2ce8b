import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { ExternalError, UserError } from '../../../engine/base/errors.ts';
import { SILENT_LOGGER } from '../../../engine/base/logger.ts';
import { CommitQueue } from '../../../engine/checkpoint/commit-queue.ts';
import type { Committer } from '../../../engine/task/sink.ts';

/** Sinks `lake` and `feed` whose commits take 10 ms and fail as told. */
function createQueue() {
  const environment = new VirtualEnvironment();
  const log: string[] = [];
  const failures = new Map<string, Error[]>();
  const fatal: unknown[] = [];
  const committer = (sinkUid: string): Committer => ({
    async commit(checkpointId, committables) {
      const at = environment.clock.monotonicMs();
      await environment.scheduler.delay(10);
      const failure = failures.get(sinkUid)?.shift();
      log.push(`${at} ${sinkUid} ${checkpointId} ${failure === undefined ? committables.join() : 'failed'}`);
      if (failure !== undefined) throw failure;
    },
    async close() {},
  });
  const queue = new CommitQueue({
    environment,
    logger: SILENT_LOGGER,
    committers: new Map(['lake', 'feed'].map((uid) => [uid, committer(uid)])),
    onFatal: (error) => void fatal.push(error),
  });
  const add = (sinkUid: string, checkpointId: number): void =>
    queue.add([{ sinkUid, checkpointId, committables: [`f${checkpointId}`] }]);
  return { environment, queue, add, log, failures, fatal };
}

test('commits of a sink go in order, one at a time; sinks do not wait for each other', async () => {
  const { environment, queue, add, log } = createQueue();
  add('lake', 1);
  add('feed', 1);
  add('lake', 2);
  expect(queue.pendingCount).toBe(3);
  await environment.run(queue.drained());
  expect(log).toEqual(['0 lake 1 f1', '0 feed 1 f1', '10 lake 2 f2']);
  expect(queue.pending).toEqual([]);
});

test('a passing fault is tried again with growing delay, holding up only its own sink', async () => {
  const { environment, queue, add, log, failures } = createQueue();
  const refused = (): ExternalError => new ExternalError('CONNECTION', 'refused');
  failures.set('lake', Array.from({ length: 8 }, refused));
  add('lake', 1);
  add('lake', 2);
  add('feed', 1);
  await environment.advance(15);
  expect(queue.pending.map(({ sinkUid, checkpointId }) => `${sinkUid} ${checkpointId}`)).toEqual(['lake 1', 'lake 2']);
  await environment.run(queue.drained());
  const startsMs = log.filter((line) => line.includes('lake 1')).map((line) => Number(line.split(' ')[0]));
  const waitsMs = startsMs.slice(1).map((startMs, i) => startMs - startsMs[i]! - 10);
  expect(waitsMs).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  expect(log.at(-1)).toContain('lake 2 f2');
});

test('a lasting fault ends the attempt; what it was about stays pending', async () => {
  const { environment, queue, add, failures, fatal } = createQueue();
  const wrong = new ExternalError('WAREHOUSE', 'no such table', { retryable: false });
  failures.set('lake', [wrong]);
  add('lake', 1);
  await environment.advance(1000);
  expect(fatal).toEqual([wrong]);
  expect(queue.pending).toHaveLength(1);
});

test('an error of the committer itself is not tried again', async () => {
  const { environment, add, failures, fatal } = createQueue();
  failures.set('lake', [new TypeError('x is undefined')]);
  add('lake', 1);
  await environment.advance(1000);
  expect(fatal).toEqual([new TypeError('x is undefined')]);
});

test('a stopped queue commits nothing more, and who waits for it is told', async () => {
  const { environment, queue, add, log, failures, fatal } = createQueue();
  failures.set('lake', [new ExternalError('CONNECTION', 'refused')]);
  add('lake', 1);
  add('lake', 2);
  const drained = queue.drained();
  drained.catch(() => {}); // Looked at below.
  await environment.advance(100);
  queue.stop();
  await environment.advance(60_000);
  expect(log).toEqual(['0 lake 1 failed']);
  await expect(drained).rejects.toThrow('the attempt ended before its results were committed');
  await expect(queue.drained()).rejects.toThrow('the attempt ended');
  expect(fatal).toEqual([]);
});

test('results of a sink that the job no longer has are refused, not forgotten', () => {
  const { add } = createQueue();
  expect(() => add('gone', 4)).toThrow(UserError);
  expect(() => add('gone', 4)).toThrow("checkpoint 4 holds uncommitted results of the sink 'gone'");
});

test('an empty queue is drained at once', async () => {
  const { queue } = createQueue();
  await expect(queue.drained()).resolves.toBeUndefined();
});
