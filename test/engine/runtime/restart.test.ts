import { expect, test } from 'vitest';
import { ExternalError, UserError } from '../../../engine/base/errors.ts';
import type { Sink } from '../../../engine/task/sink.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { startVirtualJob, type VirtualJobOptions } from '../../harness/virtual-job.ts';
import { countJob, expectedCounts, KEY_COUNT, numbers, runningCount } from './count-job.ts';

const COUNT = 200;

/** A count job with a function in front of the count that may throw. */
function start(
  fail: (n: number) => void,
  options: Partial<VirtualJobOptions> & { readonly rows?: CollectedRows<string> } = {},
) {
  const { rows = new CollectedRows<string>(), ...runtime } = options;
  const job = startVirtualJob({
    checkpointInterval: 50,
    parallelism: 2,
    build(env) {
      numbers(env, 'numbers', { countPerSplit: COUNT, recordsPerSecond: 1000 })
        .map((n) => {
          fail(n);
          return n;
        })
        .keyBy((n) => n % KEY_COUNT)
        .process(runningCount)
        .map(String)
        .sinkTo(collectSink({ into: rows }), { uid: 'out' });
    },
    ...runtime,
  });
  return { ...job, rows };
}

/** Throws the first `times` times that number 120 comes by. */
function failing(times: number, error: () => Error = () => new Error('no route')): (n: number) => void {
  let left = times;
  return (n) => {
    if (n === 120 && left-- > 0) throw error();
  };
}

test('a user function that throws: the job goes on from its last checkpoint, after the delay of the strategy', async () => {
  const job = start(failing(2), { restart: { kind: 'fixed-delay', attempts: 2, delay: '3s' } });
  await job.environment.run(job.execution.result);
  expect(job.rows.values().sort()).toEqual(expectedCounts(COUNT));
  expect(job.execution.status).toMatchObject({ restartCount: 2, attempt: 3, state: 'finished' });
  expect(job.environment.clock.monotonicMs()).toBeGreaterThan(6_000);
  expect(job.log).toHaveLength(2);
});

test('while it waits for its restart a job says so and can be ended', async () => {
  const job = start(failing(Infinity), { restart: { kind: 'fixed-delay', attempts: 9, delay: '1m' } });
  await job.environment.advance(1_000);
  expect(job.execution.status).toMatchObject({ state: 'restarting', restartCount: 1, attempt: 1 });
  await expect(job.execution.triggerCheckpoint()).rejects.toThrow('the job is restarting');
  expect(await job.environment.run(job.execution.stop())).toEqual({ state: 'canceled', lastCheckpointId: 2 });
});

test('a drain that cannot be done is a failure, not a silent end', async () => {
  const job = start(failing(Infinity), { restart: { kind: 'fixed-delay', attempts: 9, delay: '1m' } });
  await job.environment.advance(1_000);
  await expect(job.environment.run(job.execution.stop({ drain: true }))).rejects.toThrow(/failed/);
  expect(job.execution.status.state).toBe('failed');
});

test('when the strategy gives up, the failure says which operators, which subtask and why', async () => {
  const job = start(failing(Infinity), { restart: { kind: 'fixed-delay', attempts: 2, delay: 10 } });
  await expect(job.environment.run(job.execution.result)).rejects.toMatchObject({
    code: 'USER_FUNCTION',
    message: "task 'numbers -> map', subtask 0 failed",
    cause: new Error('no route'),
  });
  expect(job.execution.status).toMatchObject({ state: 'failed', restartCount: 2, attempt: 3 });
});

test('a failure while a key is processed names the key', async () => {
  const job = startVirtualJob({
    restart: { kind: 'none' },
    parallelism: 1,
    build(env) {
      numbers(env, 'numbers', { countPerSplit: 10 })
        .keyBy((n) => `user-${n}`)
        .process(
          () => ({
            processElement(n: number) {
              if (n === 4) throw new Error('bad record');
            },
          }),
          { uid: 'check' },
        )
        .sinkTo(collectSink(), { uid: 'out' });
    },
  });
  await expect(job.environment.run(job.execution.result)).rejects.toThrow(
    `task 'check -> out', subtask 0, key "user-4" failed`,
  );
});

test('a wrong definition is not tried again', async () => {
  const job = start(failing(1, () => new UserError('JOB_DEFINITION', 'no such state')));
  await expect(job.environment.run(job.execution.result)).rejects.toMatchObject({ code: 'JOB_DEFINITION' });
  expect(job.execution.status.restartCount).toBe(0);
});

test('each attempt is told apart in the checkpoints, and their ids never go back', async () => {
  const job = start(failing(3), { restart: { kind: 'fixed-delay', attempts: 3, delay: 10 } });
  await job.environment.run(job.execution.result);
  const paths = (await job.files.list('/checkpoints/virtual-job/0')).map(({ path }) => path);
  const ids = paths.flatMap((path) => /^chk-(\d+)-(\d+)/.exec(path)?.slice(1).join('-') ?? []);
  expect(ids).toEqual(['2-1', '3-4', '4-4']);
});

/** A sink whose writer fails as told, in front of one that collects. */
function failingSink(
  rows: CollectedRows<string>,
  failPrepare: (checkpointId: number) => Error | undefined,
): Sink<string> {
  const sink = collectSink<string>({ into: rows });
  return {
    description: 'failing',
    createWriter: (context) => {
      const writer = sink.createWriter(context);
      return {
        write: (value, timestampMs, kind) => writer.write(value, timestampMs, kind),
        prepareCommit: async (checkpointId) => {
          const error = failPrepare(checkpointId);
          const committables = await writer.prepareCommit(checkpointId);
          if (error !== undefined) throw error;
          return committables;
        },
        close: () => writer.close(),
      };
    },
    createCommitter: () => sink.createCommitter!(),
  };
}

test('a sink that cannot prepare its rows for a checkpoint restarts the job: they come again', async () => {
  const rows = new CollectedRows<string>();
  let failures = 0;
  const job = startVirtualJob({
    checkpointInterval: 50,
    restart: { kind: 'fixed-delay', attempts: 5, delay: 10 },
    build: countJob(
      () =>
        failingSink(rows, (id) => (id === 2 && failures++ === 0 ? new ExternalError('STORAGE', 'no disk') : undefined)),
      { countPerSplit: COUNT, recordsPerSecond: 1000 },
    ),
  });
  await job.environment.run(job.execution.result);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
  expect(job.execution.status.restartCount).toBe(1);
});

test('rows of a checkpoint that expired are part of the next one', async () => {
  const rows = new CollectedRows<string>();
  const job = startVirtualJob({
    checkpointInterval: 50,
    checkpointTimeout: 30,
    parallelism: 2,
    build(env) {
      const sink = collectSink<string>({ into: rows });
      const slow: Sink<string> = {
        description: 'slow',
        createWriter: (context) => {
          const writer = sink.createWriter(context);
          return {
            write: (value, timestampMs, kind) => writer.write(value, timestampMs, kind),
            prepareCommit: async (checkpointId) => {
              const committables = await writer.prepareCommit(checkpointId);
              // The second one of this subtask takes longer than any checkpoint may.
              if (checkpointId === 2 && context.subtaskIndex === 1) await context.environment.scheduler.delay(70);
              return committables;
            },
            close: () => writer.close(),
          };
        },
        createCommitter: () => sink.createCommitter!(),
      };
      countJob(() => slow, { countPerSplit: COUNT, recordsPerSecond: 1000 })(env);
    },
  });
  await job.environment.run(job.execution.result);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
  expect(job.log).toEqual([expect.stringContaining('checkpoint 2 expired after 30 ms')]);
  expect(job.execution.status.restartCount).toBe(0);
});

test('too many failed checkpoints in a row restart the job', async () => {
  const rows = new CollectedRows<string>();
  const job = startVirtualJob({
    checkpointInterval: 20,
    tolerableFailedCheckpoints: 2,
    restart: { kind: 'fixed-delay', attempts: 1, delay: 10 },
    wrapStorage: (storage) => ({
      ...storage,
      description: storage.description,
      url: (key) => storage.url(key),
      get: (key) => storage.get(key),
      getRange: (key, offset, length) => storage.getRange(key, offset, length),
      list: (prefix) => storage.list(prefix),
      delete: (keys) => storage.delete(keys),
      put: (key, bytes, condition) =>
        /chk-[123]-1/.test(key)
          ? Promise.reject(new ExternalError('CONNECTION', 'refused'))
          : storage.put(key, bytes, condition),
    }),
    build: countJob(() => collectSink({ into: rows }), { countPerSplit: COUNT, recordsPerSecond: 1000 }),
  });
  await job.environment.run(job.execution.result);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
  expect(job.execution.status).toMatchObject({ restartCount: 1, lastFailure: { code: 'CHECKPOINT_FAILED' } });
});

test('an instance started later takes the job over; the first one steps down and commits nothing more', async () => {
  const rows = new CollectedRows<string>();
  const first = start(() => {}, { rows });
  await first.environment.advance(120);
  const second = start(() => {}, { rows, files: first.files, seed: 2 });
  await second.environment.advance(1);
  await expect(first.environment.run(first.execution.result)).rejects.toMatchObject({ code: 'OWNERSHIP_LOST' });
  expect(first.execution.status).toMatchObject({ state: 'failed', restartCount: 0 });
  await second.environment.run(second.execution.result);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
});
