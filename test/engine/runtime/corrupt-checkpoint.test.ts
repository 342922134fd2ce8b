import { expect, test } from 'vitest';
import type { MemoryFileSystem } from '../../../engine/base/file-system-memory.ts';
import { UserError } from '../../../engine/base/errors.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { startVirtualJob, type VirtualJobOptions } from '../../harness/virtual-job.ts';
import { countJob, expectedCounts } from './count-job.ts';

const COUNT = 200;
const CHAIN = '/checkpoints/virtual-job/0';

/** A job that has crashed after its third checkpoint, and files that can be damaged. */
async function crashed(): Promise<MemoryFileSystem> {
  const job = start(new CollectedRows());
  await job.environment.advance(165);
  expect(job.execution.status.checkpoints.lastCheckpointId).toBe(3);
  return job.files;
}

function start(rows: CollectedRows<string>, options: Partial<VirtualJobOptions> = {}) {
  return startVirtualJob({
    checkpointInterval: 50,
    build: countJob(() => collectSink({ into: rows }), { countPerSplit: COUNT, recordsPerSecond: 1000 }),
    ...options,
  });
}

async function stateFiles(files: MemoryFileSystem, checkpointId: number): Promise<string[]> {
  const found = (await files.list(`${CHAIN}/state`)).filter(({ path }) => path.includes(`/${checkpointId}-`));
  expect(found.length).toBeGreaterThan(0);
  return found.map(({ path }) => `${CHAIN}/state/${path}`);
}

/** Everything a restored job writes: a fresh sink, which has nothing of what was committed before the crash. */
async function goOn(files: MemoryFileSystem) {
  const rows = new CollectedRows<string>();
  const job = start(rows, { files, seed: 2, parallelism: 2 });
  await job.environment.run(job.execution.result);
  return { rows: rows.values(), log: job.log, restoredCheckpointId: job.execution.status.restoredCheckpointId };
}

test('an undamaged chain is restored from its newest checkpoint, silently', async () => {
  expect(await goOn(await crashed())).toMatchObject({ restoredCheckpointId: 3, log: [] });
});

test.each(['manifest', 'state file', 'missing state file'])(
  'a torn %s of the newest checkpoint: the one before is taken, and the log says so',
  async (what) => {
    const files = await crashed();
    if (what === 'manifest') files.tear(`${CHAIN}/chk-3-1.json`, 100);
    else {
      for (const path of await stateFiles(files, 3)) {
        if (what === 'state file') files.tear(path, (await files.read(path)).length - 3);
        else await files.remove(path);
      }
    }
    const { rows, log, restoredCheckpointId } = await goOn(files);
    expect(restoredCheckpointId).toBe(2);
    expect(log).toEqual([
      expect.stringMatching(/^warn: checkpoint 3 is corrupt, falling back to the one before: .*(chk-3-1\.json|3-op)/),
      'warn: going on from checkpoint 2; results after it may be written to sinks again',
    ]);
    // Nothing is missing: what checkpoint 2 had not seen comes (again), and what its sink had left to commit.
    const expected = expectedCounts(COUNT);
    for (const row of rows) expect(expected).toContain(row);
    expect(new Set(rows).size).toBe(rows.length);
    expect(rows.length).toBeGreaterThan(COUNT / 2);
    expect(rows).toContain(`3:29#199`);
  },
);

test('a flipped bit is found as well', async () => {
  const files = await crashed();
  const [path] = await stateFiles(files, 3);
  const bytes = await files.read(path!);
  bytes[bytes.length >> 1]! ^= 4;
  await files.write(path!, bytes);
  expect((await goOn(files)).restoredCheckpointId).toBe(2);
});

test('two damaged checkpoints: the third is taken, and the damaged ones are not offered again', async () => {
  const files = await crashed();
  for (const id of [2, 3]) files.tear(`${CHAIN}/chk-${id}-1.json`, 10);
  const rows = new CollectedRows<string>();
  const job = start(rows, { files, seed: 2 });
  await job.environment.advance(70);
  expect(job.execution.status).toMatchObject({ restoredCheckpointId: 1 });
  expect(job.execution.status.checkpoints.completedCount).toBeGreaterThan(0);
  const next = start(rows, { files, seed: 3 });
  await next.environment.run(next.execution.result);
  expect(next.log).toEqual([]);
  expect(next.execution.status.restoredCheckpointId).toBeGreaterThan(3);
});

test('all checkpoints damaged: one error that says what can be done, and no restart', async () => {
  const files = await crashed();
  for (const id of [1, 2, 3]) files.tear(`${CHAIN}/chk-${id}-1.json`, 10);
  const job = start(new CollectedRows(), { files, seed: 2 });
  const failed = job.environment.run(job.execution.result);
  await expect(failed).rejects.toThrow(UserError);
  await expect(failed).rejects.toMatchObject({
    code: 'CHECKPOINT_CORRUPT',
    message: "no retained checkpoint of job 'virtual-job' in directory /checkpoints can be read",
    hint: expect.stringContaining('savepoint'),
    cause: expect.objectContaining({ message: expect.stringContaining('chk-1-1.json is torn') }),
  });
  expect(job.execution.status).toMatchObject({ state: 'failed', restartCount: 0 });
});

test('a damaged pointer ends the job at once', async () => {
  const files = await crashed();
  for (const { path } of await files.list('/checkpoints')) {
    if (path.includes('generations')) files.tear(`/checkpoints/${path}`, 12);
  }
  const job = start(new CollectedRows(), { files, seed: 2 });
  await expect(job.environment.run(job.execution.result)).rejects.toThrow(/damaged file .*latest/);
  expect(job.execution.status).toMatchObject({ state: 'failed', restartCount: 0 });
});

/** Keys of manifests and state files that no retained checkpoint names. */
async function orphans(files: MemoryFileSystem): Promise<string[]> {
  const paths = (await files.list(CHAIN)).map(({ path }) => path);
  const pointer = JSON.parse(Buffer.from(await files.read(`${CHAIN}/latest`)).toString());
  const retained: string[] = pointer.retained.map(
    (entry: { checkpointId: number; attempt: number }) => `chk-${entry.checkpointId}-${entry.attempt}.json`,
  );
  const texts = await Promise.all(
    retained.map(async (name) => Buffer.from(await files.read(`${CHAIN}/${name}`)).toString()),
  );
  return paths.filter(
    (path) => path !== 'latest' && !retained.includes(path) && !texts.some((text) => text.includes(`/${path}"`)),
  );
}

test('files of checkpoints that are no longer retained are removed', async () => {
  const job = start(new CollectedRows(), { retainedCheckpoints: 2, parallelism: 2 });
  await job.environment.run(job.execution.result);
  // What was folded after the last checkpoint is nobody's yet.
  expect((await orphans(job.files)).filter((path) => !path.includes('fold'))).toEqual([]);
});

test('what dead attempts have left is removed when a later one has completed a checkpoint', async () => {
  const files = await crashed();
  await files.write(`${CHAIN}/chk-4-1.json`, Buffer.from('put, never named by the pointer'));
  await files.write(`${CHAIN}/state/1/count-0/4-op1-kg0-32768-delta-000-12345678.state`, Buffer.from('x'));
  expect(await orphans(files)).toHaveLength(2);
  const job = start(new CollectedRows(), { files, seed: 2, restart: { kind: 'none' } });
  await job.environment.advance(70);
  expect(job.execution.status.checkpoints.completedCount).toBe(1);
  expect((await orphans(files)).filter((path) => !path.includes('fold'))).toEqual([]);
  // And nothing that is needed is gone.
  expect((await goOn(files)).log).toEqual([]);
});

test('nothing is removed as long as a retained checkpoint cannot be read', async () => {
  const files = await crashed();
  files.tear(`${CHAIN}/chk-2-1.json`, 10);
  await files.write(`${CHAIN}/state/1/count-0/4-op1-kg0-32768-delta-000-12345678.state`, Buffer.from('x'));
  const job = start(new CollectedRows(), { files, seed: 2 });
  await job.environment.advance(70);
  expect(job.log).toEqual([expect.stringContaining('retained checkpoint 2 cannot be read')]);
  expect(await orphans(files)).toContain('state/1/count-0/4-op1-kg0-32768-delta-000-12345678.state');
});
