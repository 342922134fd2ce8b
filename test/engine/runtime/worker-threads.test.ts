import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { describeError } from '../../../engine/base/errors.ts';
import { DirectoryStorage } from '../../../state/storage/directory-storage.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import job, { committedRows, expectedRows, forgetRows } from '../../harness/jobs/windowed-sums.ts';
import { startThreadedJob, type ThreadedJob, type ThreadedJobOptions } from '../../harness/threaded-job.ts';

const MODULE = new URL('../../harness/jobs/windowed-sums.ts', import.meta.url);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-workers-'));
  forgetRows();
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(options: Partial<ThreadedJobOptions> & { readonly workers: number }): ThreadedJob {
  return startThreadedJob({ job: job as never, module: MODULE, folder, ...options });
}

test('a job goes on from a checkpoint on any other number of threads, at any other parallelism', async () => {
  const settings = [
    { workers: 2, parallelism: 2 },
    { workers: 0, parallelism: 3 },
    { workers: 3, parallelism: 3 },
    { workers: 1, parallelism: 1 },
    { workers: 2, parallelism: 3 },
  ];
  for (const [i, setting] of settings.entries()) {
    const isLast = i === settings.length - 1;
    const params = { recordsPerSecond: isLast ? undefined : 5000 };
    const { execution, until } = start({ ...setting, params, checkpointInterval: 50 });
    if (isLast) await expect(execution.result).resolves.toMatchObject({ state: 'finished' });
    else {
      const before = execution.status.sourceRecordCount;
      await until(() => execution.status.sourceRecordCount > before + 1000);
      // The first ends in the middle of things, the others with a last checkpoint.
      if (i === 0) await execution.cancel();
      else await expect(execution.stop()).resolves.toMatchObject({ state: 'stopped' });
    }
  }
  expect(committedRows()).toEqual(expectedRows(3, 5000));
});

test('a savepoint of two threads is restored on the main thread, and the other way round', async () => {
  for (const [from, to] of [
    [2, 0],
    [0, 2],
  ] as const) {
    forgetRows();
    const savepoint = new DirectoryStorage(createNodeEnvironment(), `${folder}/savepoint-${from}`);
    const first = start({
      workers: from,
      parallelism: 2,
      folder: `${folder}/a-${from}`,
      params: { recordsPerSecond: 5000 },
    });
    await first.until(() => first.execution.status.sourceRecordCount > 2000);
    await first.execution.stop({ savepoint });
    const second = start({ workers: to, parallelism: 2, folder: `${folder}/b-${from}`, fromSavepoint: savepoint });
    await expect(second.execution.result).resolves.toMatchObject({ state: 'finished' });
    expect(committedRows()).toEqual(expectedRows(3, 5000));
  }
});

test('a job on threads is drained, asked for its state, and told how it is doing', async () => {
  const params = { perSplit: 1_000_000, recordsPerSecond: 5000 };
  const { execution, until } = start({ workers: 2, parallelism: 2, params, checkpointInterval: 50 });
  await until(() => execution.status.sourceRecordCount > 2000 && execution.status.checkpoints.completedCount > 0);
  expect(execution.status.watermarkMs).toBeGreaterThan(0);
  expect(execution.queryableOperators()).toEqual([
    { operator: 'sums', name: 'sums', states: [expect.objectContaining({ isNamespaced: true })] },
    {
      operator: 'running-count',
      name: 'running-count',
      states: [{ name: 'count', kind: 'value', isNamespaced: false }],
    },
  ]);
  const asked = { operatorUid: 'running-count', state: 'count', keys: ['k1'] } as const;
  const live = await execution.queryState({ ...asked, consistency: 'live' });
  expect(live.value).toBeGreaterThan(0);
  await execution.triggerCheckpoint();
  const stored = await execution.queryState({ ...asked, consistency: 'checkpoint' });
  expect(stored.value).toBeGreaterThan(0);
  await expect(execution.queryState({ ...asked, state: 'amount', consistency: 'live' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    hint: "It has 'count'.",
  });
  await expect(execution.stop({ drain: true })).resolves.toMatchObject({ state: 'stopped' });
  const { counts, sums } = committedRows();
  // Every event that was read has been counted, and every window has fired.
  expect(counts).toHaveLength(execution.status.sourceRecordCount);
  expect(sums.length).toBeGreaterThan(0);
});

test('a job that cannot run on threads is refused in words', async () => {
  const message = (options: Partial<ThreadedJobOptions>): Promise<string> =>
    start({ workers: 2, parallelism: 2, restart: { kind: 'none' }, ...options }).execution.result.then(
      () => 'finished',
      (error: unknown) => describeError(error),
    );
  expect(() => start({ workers: 2, workerOptions: { jobModule: undefined as never } })).toThrow(
    'workers.jobModule: expected the file: address of a job module, found undefined',
  );
  expect(() => start({ workers: -1 })).toThrow('workers: expected an integer from 0, found -1');
  expect(await message({ params: { trouble: () => 1 } })).toMatch(
    /^the parameters of job 'windowed-sums' cannot be sent to a worker thread: .* \[CONFIGURATION\]\nhint: Make them plain data/,
  );
  expect(await message({ module: new URL('nowhere.ts', MODULE) })).toMatch(/does not load: .* \[JOB_NOT_FOUND\]/);
  const other = await message({ module: new URL('other-job.ts', MODULE) });
  expect(other).toContain("job 'windowed-sums' is built differently in a worker thread [JOB_DEFINITION]");
  expect(other).toContain('Main thread: source');
});

test('results are the same on any number of threads, at any parallelism', { timeout: 60_000 }, async () => {
  for (const parallelism of [1, 2, 3]) {
    for (const workers of [0, 1, 2, 3]) {
      forgetRows();
      const { execution } = start({ workers, parallelism, folder: `${folder}/${parallelism}-${workers}` });
      await expect(execution.result).resolves.toMatchObject({ state: 'finished' });
      expect(execution.status.sourceRecordCount).toBe(15_000);
      expect(committedRows(), `${workers} workers, parallelism ${parallelism}`).toEqual(expectedRows(3, 5000));
    }
  }
});
