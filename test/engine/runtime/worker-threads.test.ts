import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
