import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeError, ExternalError } from '../../../engine/base/errors.ts';
import { TaskError } from '../../../engine/task/task-error.ts';
import { createTrouble, type Trouble } from '../../harness/jobs/trouble.ts';
import job, { committedRows, expectedRows, forgetRows } from '../../harness/jobs/windowed-sums.ts';
import { startThreadedJob, type ThreadedJob, type ThreadedJobOptions } from '../../harness/threaded-job.ts';

const MODULE = new URL('../../harness/jobs/windowed-sums.ts', import.meta.url);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-workers-'));
  forgetRows();
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** On two threads, for about a second, with many checkpoints. */
function start(options: Partial<ThreadedJobOptions> & { readonly trouble?: Trouble } = {}): ThreadedJob {
  const { trouble, ...rest } = options;
  return startThreadedJob({
    job: job as never,
    module: MODULE,
    folder: `${folder}/checkpoints`,
    workers: 2,
    parallelism: 2,
    checkpointInterval: 50,
    params: { recordsPerSecond: 10_000, trouble },
    ...rest,
  });
}

async function expectExactlyOnce({ execution }: ThreadedJob, restartCount: number = 1): Promise<void> {
  await expect(execution.result).resolves.toMatchObject({ state: 'finished' });
  expect(execution.status.restartCount).toBe(restartCount);
  expect(committedRows()).toEqual(expectedRows(3, 5000));
}

test('what a user function throws restarts the job, and is told as on one thread', async () => {
  const started = start({ trouble: createTrouble('throw', 7000) });
  await expectExactlyOnce(started);
  const { lastFailure } = started.execution.status;
  expect(lastFailure).toBeInstanceOf(TaskError);
  expect(lastFailure).toMatchObject({
    code: 'USER_FUNCTION',
    domain: 'user',
    retryable: true,
    cause: { name: 'SomethingWrong', message: 'this record is wrong', detail: 'as plain data' },
  });
  expect((lastFailure as TaskError).message).toMatch(/^task 'map', subtask [01] failed$/);
  expect((lastFailure as { cause: Error }).cause.stack).toContain('trouble.ts');
});

test.for(['exit', 'reject'] as const)('a thread that ends by itself (%s) is replaced, exactly once', async (kind) => {
  const started = start({ trouble: createTrouble(kind, 7000) });
  await expectExactlyOnce(started);
  const { lastFailure } = started.execution.status;
  expect(lastFailure).toBeInstanceOf(ExternalError);
  expect(lastFailure).toMatchObject({ code: 'WORKER_LOST' });
  expect(describeError(lastFailure)).toMatch(
    kind === 'exit'
      ? /^worker [01] ended by itself with exit code 7 \[WORKER_LOST\]\nhint: Does the job call process.exit/
      : /^worker [01] ended: nobody has caught an error \[WORKER_LOST\]\ncaused by: nobody waits for this$/,
  );
});

test('a thread that runs out of memory is replaced, exactly once', async () => {
  const started = start({
    trouble: createTrouble('out-of-memory', 7000),
    workerOptions: { resourceLimits: { maxOldGenerationSizeMb: 64 } },
  });
  await expectExactlyOnce(started);
  expect(describeError(started.execution.status.lastFailure)).toMatch(/^worker [01] ran out of memory \[WORKER_LOST\]/);
});

test.for(['heap', 'rocksdb'] as const)('a thread that is killed is replaced, exactly once (%s)', async (kind) => {
  const workers: Worker[] = [];
  const started = start({
    workerOptions: {
      onStart: (worker) => void workers.push(worker),
      pageStore: kind === 'heap' ? { kind } : { kind, directory: `${folder}/state` },
    },
    // Far less than the state: much of it lies in the store.
    cacheBytes: kind === 'heap' ? undefined : 100_000,
  });
  await started.until(() => started.execution.status.checkpoints.completedCount >= 2);
  await workers[1]!.terminate();
  await expectExactlyOnce(started);
  expect(workers).toHaveLength(4);
  expect(describeError(started.execution.status.lastFailure)).toBe('worker 1 was ended [WORKER_LOST]');
});

test('a job whose functions hang can be ended', async () => {
  const trouble = createTrouble('hang', 3000);
  const { execution, log, until } = start({ trouble, workerOptions: { closeMsMax: 200 } });
  await until(() => Atomics.load(new Int32Array(trouble.memory), 1) > 0);
  await expect(execution.cancel()).resolves.toMatchObject({ state: 'canceled' });
  expect(log.join('\n')).toMatch(/warn: worker [01] did not close within 200 ms and is ended/);
});

test('a restart strategy that gives up hands the error out', async () => {
  const { execution } = start({ trouble: createTrouble('throw', 100, 10), restart: { kind: 'none' } });
  await expect(execution.result).rejects.toMatchObject({ code: 'USER_FUNCTION' });
  expect(execution.status.state).toBe('failed');
});
