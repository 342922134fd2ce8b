import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'vitest';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import type { PageStore } from '../../../state/store/page-store.ts';
import { openRocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';
import { Run } from './backend-run.ts';
import { anyCache, anyStep, type CacheSize, type Step } from './backend-steps.ts';

async function check(steps: readonly Step[], cache: CacheSize, store: PageStore): Promise<void> {
  const run = new Run(cache, store);
  await run.start();
  for (const step of steps) {
    await run.step(step);
    run.checkCounts();
  }
  await run.compareAll();
  await run.snapshot(false, false, true);
  await run.step({ do: 'restore', parallelism: 2 });
  await run.compareAll();
  for (const { backend } of run.subtasks) await backend.close();
}

const anyRun = [fc.array(anyStep, { maxLength: 60 }), anyCache] as const;
const RUNS = 200;

test('any sequence of accesses, timers, snapshots and rescales does what a plain map and a sorted list do', async () => {
  await fc.assert(
    fc.asyncProperty(...anyRun, (steps, cache) => check(steps, cache, new HeapPageStore())),
    { numRuns: RUNS },
  );
}, 600_000);

test('so does it over RocksDB', async () => {
  const path = mkdtempSync(join(tmpdir(), 'tidemark-state-'));
  const store = await openRocksDbPageStore({ directory: join(path, 'store') });
  try {
    await fc.assert(
      fc.asyncProperty(...anyRun, (steps, cache) => check(steps, { ...cache, encodedBytesMax: 1 }, store)),
      { numRuns: RUNS / 5 },
    );
  } finally {
    await store.close();
    rmSync(path, { recursive: true, force: true });
  }
}, 600_000);
