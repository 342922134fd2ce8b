import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CollectedRows } from '../../../operators/sink/collect/collect-sink.ts';
import job, { CHAIN_ROWS, CHAIN_SPLITS, countedRecords } from '../../harness/jobs/split-chain.ts';
import { startThreadedJob } from '../../harness/threaded-job.ts';

const MODULE = new URL('../../harness/jobs/split-chain.ts', import.meta.url);

test.for([0, 2])('a source that waits for its next split holds the watermark back (%i threads)', async (workers) => {
  CHAIN_ROWS.counts = new CollectedRows();
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-splits-'));
  try {
    const params = { finished: new SharedArrayBuffer(4) };
    const { execution } = startThreadedJob({
      job: job as never,
      module: MODULE,
      folder,
      workers,
      parallelism: 2,
      params,
    });
    await expect(execution.result).resolves.toMatchObject({ state: 'finished' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  // Nothing was late: each reader has read ten records a second.
  expect(countedRecords()).toBe(2 * CHAIN_SPLITS * 10);
});
