import { expect, test } from 'vitest';
import { CheckpointCorruptError, ExternalError, UserError } from '../../../engine/base/errors.ts';
import { MemoryFileSystem } from '../../../engine/base/file-system-memory.ts';
import type { Sink } from '../../../engine/task/sink.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';
import { countJob, expectedCounts } from './count-job.ts';

const COUNT = 3_000;

/** A disk that can be full: then what is written stays behind as a part, as on a real one. */
class FillingDisk extends MemoryFileSystem {
  isFull = false;

  override async write(path: string, bytes: Uint8Array): Promise<void> {
    if (!this.isFull) return await super.write(path, bytes);
    await super.write(path, bytes.subarray(0, bytes.length / 2));
    throw new ExternalError('STORAGE_FULL', `no space left for ${path}`, { hint: 'Free disk space.' });
  }
}

test('while the disk is full the job says so once and goes on; nothing is lost when there is room again', async () => {
  const files = new FillingDisk();
  const rows = new CollectedRows<string>();
  const build = countJob(() => collectSink({ into: rows }), { countPerSplit: COUNT, recordsPerSecond: 1_000 });
  const job = startVirtualJob({ files, build, checkpointInterval: 100, restart: { kind: 'fixed-delay', attempts: 9 } });
  await job.environment.advance(450);
  const before = job.execution.status.checkpoints.lastCheckpointId!;
  files.isFull = true;
  await job.environment.advance(2_000);
  expect(job.execution.status.checkpoints.lastCheckpointId).toBe(before);
  expect(job.execution.status.restartCount).toBeGreaterThan(0);
  const hints = job.log.filter((line) => line.includes('hint: Free disk space.'));
  expect(hints.map((line) => line.split(' | ')[0]!.replaceAll(/\d+/g, '#'))).toEqual([
    expect.stringContaining('could not take checkpoint #'),
    'error: attempt # failed, next try in #.# s',
  ]);
  files.isFull = false;
  await job.environment.run(job.execution.result);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
  expect((await files.list('/checkpoints')).filter(({ path }) => path.includes('temporary'))).toEqual([]);
});

const DENIED = new UserError('WAREHOUSE', 'permission denied', { hint: 'Grant it.' });
const NO_BUCKET = new ExternalError('NOT_FOUND', 'no such bucket', { retryable: false });

/** A sink whose rows cannot be prepared, or not be committed. */
function failingSink(failures: { readonly prepare?: Error; readonly commit?: Error }): Sink<string> {
  const { prepare, commit } = failures;
  return {
    description: 'failing',
    createWriter: () => ({
      write: () => {},
      prepareCommit: () => (prepare === undefined ? Promise.resolve([{ rows: 1 }]) : Promise.reject(prepare)),
      close: () => Promise.resolve(),
    }),
    createCommitter: () => ({
      commit: () => (commit === undefined ? Promise.resolve() : Promise.reject(commit)),
      close: () => Promise.resolve(),
    }),
  };
}

test.each([
  ['stored for the last checkpoint', { prepare: NO_BUCKET }, { code: 'NOT_FOUND', cause: NO_BUCKET }],
  ['committed after the last checkpoint', { commit: DENIED }, DENIED],
  [
    'found again, as what was staged is missing,',
    { commit: new CheckpointCorruptError('staged rows /x are missing') },
    {
      code: 'CHECKPOINT_CORRUPT',
      message: "results of checkpoint 1 that 'out' has to commit are lost: staged rows /x are missing",
    },
  ],
])('a job whose results cannot be %s fails with the cause, not restarted', async (_what, failures, expected) => {
  // Without an interval the only checkpoint is the one after all tasks have finished.
  const job = startVirtualJob({ build: countJob(() => failingSink(failures)) });
  await expect(job.environment.run(job.execution.result)).rejects.toMatchObject(expected);
  expect(job.execution.status).toMatchObject({ state: 'failed', restartCount: 0 });
  expect(job.log.filter((line) => line.startsWith('error'))).toEqual([]);
});

test('a passing fault at the last checkpoint restarts the job, which then ends', async () => {
  const failures: { prepare?: Error } = { prepare: new ExternalError('CONNECTION', 'connection reset') };
  const job = startVirtualJob({ build: countJob(() => failingSink(failures)) });
  await job.environment.advance(300);
  delete failures.prepare;
  expect(await job.environment.run(job.execution.result)).toMatchObject({ state: 'finished' });
  expect(job.execution.status.restartCount).toBe(1);
});

test('a manifest whose storing hangs is not waited for: the job starts anew from what is stored', async () => {
  const rows = new CollectedRows<string>();
  const job = startVirtualJob({
    build: countJob(() => collectSink({ into: rows }), { countPerSplit: COUNT, recordsPerSecond: 1_000 }),
    checkpointInterval: 100,
    checkpointTimeout: 500,
    restart: { kind: 'fixed-delay', attempts: 2, delay: 100 },
    wrapStorage: (storage) => ({
      description: storage.description,
      url: (key) => storage.url(key),
      get: (key) => storage.get(key),
      getRange: (key, offset, length) => storage.getRange(key, offset, length),
      put: (key, bytes, condition) => {
        // The answer to this one never comes; whether it is stored nobody knows.
        if (key.endsWith('chk-4-1.json')) {
          void storage.put(key, bytes, condition);
          return new Promise<string>(() => {});
        }
        return storage.put(key, bytes, condition);
      },
      delete: (keys) => storage.delete(keys),
      list: (prefix) => storage.list(prefix),
    }),
  });
  await job.environment.advance(1_100);
  expect(job.execution.status.restartCount).toBe(1);
  expect(job.log.join('\n')).toContain('checkpoint 4: its manifest was not stored within 500 ms');
  await job.environment.run(job.execution.result);
  expect(job.execution.status.restartCount).toBe(1);
  expect(rows.values().sort()).toEqual(expectedCounts(COUNT));
});
