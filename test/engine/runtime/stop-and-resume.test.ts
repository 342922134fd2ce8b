import { expect, test } from 'vitest';
import type { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { ExternalError, UserError } from '../../../engine/base/errors.ts';
import { long, TumblingEventTimeWindows } from '../../../operators/index.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { DirectoryStorage } from '../../../state/storage/directory-storage.ts';
import { startVirtualJob, type VirtualJobOptions } from '../../harness/virtual-job.ts';
import { countJob, expectedCounts, numbers } from './count-job.ts';

const COUNT = 400;
const accumulator = long();

/** A count job of 400 numbers in 400 ms, results in `rows`. */
function start(rows: CollectedRows<string>, options: Partial<VirtualJobOptions> = {}) {
  return startVirtualJob({
    checkpointInterval: 50,
    build: countJob(() => collectSink({ into: rows }), { countPerSplit: COUNT, recordsPerSecond: 1000 }),
    ...options,
  });
}

test.each([
  [1, 1],
  [1, 3],
  [3, 2],
])('a job stopped at parallelism %d goes on at %d where it was', async (before, after) => {
  const rows = new CollectedRows<string>();
  const first = start(rows, { parallelism: before });
  await first.environment.advance(130);
  const stopped = await first.environment.run(first.execution.stop());
  expect(stopped).toEqual({ state: 'stopped', lastCheckpointId: 3 });
  // All that had been read is committed, and nothing beyond.
  const committed = rows.values().length;
  expect(committed).toBeGreaterThan(100);
  expect(committed).toBeLessThan(COUNT);
  await first.environment.advance(10_000);
  expect(rows.values()).toHaveLength(committed);

  const second = start(rows, { parallelism: after, files: first.files, seed: 2 });
  const result = await second.environment.run(second.execution.result);
  expect(result.state).toBe('finished');
  expect(second.execution.status.restoredCheckpointId).toBe(3);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
  expect([...first.log, ...second.log]).toEqual([]);
});

test('a job that has run to its end has nothing left to do when it is started again', async () => {
  const rows = new CollectedRows<string>();
  const first = start(rows);
  const { lastCheckpointId } = await first.environment.run(first.execution.result);
  const second = start(rows, { files: first.files, seed: 2 });
  expect(await second.environment.run(second.execution.result)).toEqual({ state: 'finished', lastCheckpointId });
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
});

test('a job that has ended commits its last results again, and runs nothing again', async () => {
  const rows = new CollectedRows<string>();
  const first = start(rows, { parallelism: 1 });
  await first.environment.run(first.execution.result);
  const committed: string[] = [];
  const second = startVirtualJob({
    files: first.files,
    parallelism: 1,
    seed: 2,
    build: countJob(() => ({
      description: 'commits only',
      createWriter: () => expect.unreachable('nothing is run'),
      createCommitter: () => ({
        commit: async (checkpointId, committables) => void committed.push(`${checkpointId}: ${committables.length}`),
        close: () => Promise.resolve(),
      }),
    })),
  });
  expect((await second.environment.run(second.execution.result)).state).toBe('finished');
  expect(committed).toEqual(['8: 1']);
});

test('draining ends the sources first, so that open windows fire', async () => {
  const build =
    (rows: CollectedRows<string>): VirtualJobOptions['build'] =>
    (env) => {
      numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 1000 })
        .keyBy((n) => n % 2)
        .window(TumblingEventTimeWindows.of('1s'))
        .aggregate(
          {
            accumulatorSchema: accumulator,
            createAccumulator: () => 0,
            add: (sum) => sum + 1,
            getResult: (sum) => `count ${sum}`,
            merge: (a, b) => a + b,
          },
          { uid: 'windows' },
        )
        .sinkTo(collectSink({ into: rows }), { uid: 'out' });
    };
  const [stopped, drained] = [new CollectedRows<string>(), new CollectedRows<string>()];
  for (const [rows, drain] of [
    [stopped, false],
    [drained, true],
  ] as const) {
    const job = startVirtualJob({ build: build(rows), parallelism: 2 });
    await job.environment.advance(600);
    await job.environment.run(job.execution.stop({ drain }));
    expect(job.execution.status.state).toBe('stopped');
  }
  expect(stopped.values()).toEqual([]);
  expect(drained.values()).toHaveLength(2);
  for (const text of drained.values()) expect(Number(text.split(' ')[1])).toBeGreaterThan(290);
});

const savepointIn = (environment: VirtualEnvironment, root = '/savepoint'): DirectoryStorage =>
  new DirectoryStorage(environment, root);

test('a savepoint holds everything, needs nothing of the job, and is restored elsewhere at any parallelism', async () => {
  const rows = new CollectedRows<string>();
  const job = start(rows, { parallelism: 2 });
  await job.environment.advance(130);
  const manifest = await job.environment.run(job.execution.savepoint(savepointIn(job.environment)));
  const rowsThen = [...rows.values()];
  // The job goes on.
  expect(job.execution.status.state).toBe('running');
  await job.environment.run(job.execution.result);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
  await job.files.removeTree('/checkpoints');

  const forked = new CollectedRows<string>();
  for (const row of rowsThen) forked.add(row);
  const fork = start(forked, {
    parallelism: 3,
    files: job.files,
    seed: 2,
    checkpointRoot: '/elsewhere',
    savepointRoot: '/savepoint',
  });
  const { lastCheckpointId } = await fork.environment.run(fork.execution.result);
  expect(forked.values().sort()).toEqual(expectedCounts(COUNT));
  // A sink knows commits by their ids: these must not begin again.
  expect(lastCheckpointId).toBeGreaterThan(manifest.checkpointId);
});

test('stopping with a savepoint: what starts from it repeats nothing and misses nothing', async () => {
  const rows = new CollectedRows<string>();
  const first = start(rows, { parallelism: 2 });
  await first.environment.advance(130);
  const stop = first.execution.stop({ savepoint: savepointIn(first.environment) });
  expect(await first.environment.run(stop)).toEqual({ state: 'stopped', lastCheckpointId: 3 });
  const second = start(rows, {
    files: first.files,
    seed: 2,
    checkpointRoot: '/elsewhere',
    savepointRoot: '/savepoint',
  });
  await second.environment.run(second.execution.result);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
});

test('a folder that holds a savepoint is refused, and the job runs on', async () => {
  const job = start(new CollectedRows());
  await job.environment.advance(60);
  await job.environment.run(job.execution.savepoint(savepointIn(job.environment)));
  const message = 'directory /savepoint already holds a savepoint';
  const savepoint = job.execution.savepoint(savepointIn(job.environment));
  await expect(job.environment.run(savepoint)).rejects.toThrow(message);
  const stop = job.execution.stop({ savepoint: savepointIn(job.environment) });
  await expect(job.environment.run(stop)).rejects.toThrow(message);
  expect(job.execution.status.state).toBe('running');
});

test('a job that ends before its savepoint is written says so', async () => {
  const job = start(new CollectedRows());
  await job.environment.run(job.execution.result);
  const stop = job.execution.stop({ savepoint: savepointIn(job.environment) });
  await expect(job.environment.run(stop)).rejects.toThrow('the job was finished before a savepoint could be written');
  await expect(job.environment.run(job.execution.savepoint(savepointIn(job.environment)))).rejects.toThrow(
    'the job is finished, it would have to be running',
  );
});

test('a savepoint of another job is refused before anything of it is copied', async () => {
  const job = start(new CollectedRows(), { parallelism: 2 });
  await job.environment.advance(60);
  await job.environment.run(job.execution.stop({ savepoint: savepointIn(job.environment) }));
  const other = start(new CollectedRows(), {
    jobName: 'other-job',
    files: job.files,
    seed: 2,
    checkpointRoot: '/elsewhere',
    savepointRoot: '/savepoint',
  });
  const failed = other.environment.run(other.execution.result);
  await expect(failed).rejects.toThrow(UserError);
  await expect(failed).rejects.toThrow("is of job 'virtual-job', expected 'other-job' (/savepoint/savepoint.json)");
  expect((await other.files.list('/elsewhere')).filter(({ path }) => path.includes('restored'))).toEqual([]);
});

test('a damaged savepoint is one clear error, not endless restarts', async () => {
  const job = start(new CollectedRows());
  await job.environment.advance(60);
  await job.environment.run(job.execution.stop({ savepoint: savepointIn(job.environment) }));
  const stateFile = (await job.files.list('/savepoint/state'))[0]!.path;
  job.files.tear(`/savepoint/state/${stateFile}`, 30);
  const restored = start(new CollectedRows(), {
    files: job.files,
    seed: 2,
    checkpointRoot: '/elsewhere',
    savepointRoot: '/savepoint',
  });
  await expect(restored.environment.run(restored.execution.result)).rejects.toThrow(
    'the savepoint in directory /savepoint is damaged',
  );
  expect(restored.execution.status).toMatchObject({ state: 'failed', restartCount: 0 });
});

test('a savepoint that is not there is named', async () => {
  const job = start(new CollectedRows(), { savepointRoot: '/nowhere' });
  await expect(job.environment.run(job.execution.result)).rejects.toThrow(
    'there is no savepoint in directory /nowhere',
  );
});

test('cancel ends a job at once; the last complete checkpoint stays', async () => {
  const rows = new CollectedRows<string>();
  const first = start(rows);
  await first.environment.advance(130);
  expect(await first.environment.run(first.execution.cancel())).toEqual({ state: 'canceled', lastCheckpointId: 2 });
  const second = start(rows, { files: first.files, seed: 2 });
  await second.environment.run(second.execution.result);
  expect(second.execution.status.restoredCheckpointId).toBe(2);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
});

test('a job can be canceled while it starts', async () => {
  const job = startVirtualJob({
    build(env) {
      numbers(env, 'numbers').sinkTo(
        { description: 'never ready', createWriter: () => new Promise(() => {}) },
        { uid: 'out' },
      );
    },
  });
  await job.environment.advance(1000);
  expect(job.execution.status.state).toBe('starting');
  expect(await job.environment.run(job.execution.cancel())).toEqual({ state: 'canceled', lastCheckpointId: undefined });
});

test('cancel also ends a job whose clean stop takes too long', async () => {
  const job = startVirtualJob({
    build(env) {
      numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 100 }).sinkTo(
        {
          description: 'never committed',
          createWriter: () => ({
            write: () => {},
            prepareCommit: () => new Promise(() => {}),
            close: () => Promise.resolve(),
          }),
        },
        { uid: 'out' },
      );
    },
  });
  await job.environment.advance(100);
  const stop = job.execution.stop();
  await job.environment.advance(1000);
  expect(job.execution.status.state).toBe('stopping');
  expect(await job.environment.run(job.execution.cancel())).toMatchObject({ state: 'canceled' });
  expect(await stop).toMatchObject({ state: 'canceled' });
});

test('a checkpoint of an operator that the job no longer has is refused unless that is allowed', async () => {
  const first = start(new CollectedRows());
  await first.environment.advance(60);
  await first.environment.run(first.execution.stop());
  const build: VirtualJobOptions['build'] = (env) => {
    numbers(env, 'numbers', { countPerSplit: COUNT }).map(String).sinkTo(collectSink(), { uid: 'out' });
  };
  const second = startVirtualJob({ build, files: first.files, seed: 2 });
  await expect(second.environment.run(second.execution.result)).rejects.toThrow(
    /holds state of 'count' \(count\), which the job does not have \(\/checkpoints\/virtual-job\/0\/chk-2-1\.json\)/,
  );
  const third = startVirtualJob({ build, files: first.files, seed: 3, allowNonRestoredState: true });
  expect(await third.environment.run(third.execution.result)).toMatchObject({ state: 'finished' });
});

test('a running job can be asked for a checkpoint; a job that is not running says so', async () => {
  const job = start(new CollectedRows(), { checkpointInterval: undefined });
  await expect(job.execution.triggerCheckpoint()).rejects.toThrow(ExternalError);
  await job.environment.advance(100);
  const { manifest } = await job.environment.run(job.execution.triggerCheckpoint());
  expect(manifest).toMatchObject({ checkpointId: 1, attempt: 1, isFinal: false, kind: 'checkpoint' });
  expect(job.execution.status.checkpoints).toMatchObject({ completedCount: 1, lastCheckpointId: 1 });
});

test('nothing is emitted behind the last checkpoint, also while its results wait to be committed', async () => {
  const written: string[] = [];
  let isDown = true;
  const committed: number[] = [];
  const build = countJob(
    () => ({
      description: 'at once, and slow to commit',
      createWriter: () => ({
        write: (row) => void written.push(row),
        prepareCommit: (checkpointId) => Promise.resolve([checkpointId]),
        close: () => Promise.resolve(),
      }),
      createCommitter: () => ({
        commit: async (checkpointId) => {
          if (isDown) throw new ExternalError('CONNECTION', 'the sink is down');
          committed.push(checkpointId);
        },
        close: () => Promise.resolve(),
      }),
    }),
    { countPerSplit: COUNT, recordsPerSecond: 1000 },
  );
  const first = startVirtualJob({ build });
  await first.environment.advance(100);
  const startMs = first.environment.clock.nowMs();
  const stopped = await first.environment.run(first.execution.stop());
  // A sink that is down keeps the stop for half a minute, not for ever.
  expect(stopped.state).toBe('stopped');
  expect(first.environment.clock.nowMs() - startMs).toBeGreaterThanOrEqual(30_000);
  expect(first.log.at(-1)).toMatch(/the next start commits them/);
  expect(committed).toEqual([]);

  isDown = false;
  const second = startVirtualJob({ build, files: first.files, seed: 2 });
  await second.environment.run(second.execution.result);
  expect(committed[0]).toBe(stopped.lastCheckpointId);
  // Each row once: what was written at once was in the last checkpoint, and nothing came behind it.
  expect(written.toSorted()).toEqual(expectedCounts(COUNT));
});
