import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import type { Source } from '../../../engine/task/source.ts';
import type { RawRecord } from '../../../jobs/attribution/raw-record.ts';
import { attributionRules } from '../../../jobs/attribution/rules.ts';
import { score } from '../../../jobs/attribution/scorer.ts';
import { simulatorSource } from '../../../jobs/simulator/simulator-source.ts';
import { Simulator } from '../../../jobs/simulator/simulator.ts';
import { computeTruth } from '../../../jobs/simulator/truth/compute-truth.ts';
import { rangeWithin } from '../../../jobs/simulator/truth/log-range.ts';
import { RocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';
import { engineRun } from './engine-run.ts';

const DURATION_MS = 40_000;
const CACHE_BYTES = 300_000;

test('with a cache that holds less than a tenth of the state, on RocksDB, every row is as the truth expects it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-small-cache-'));
  const rules = attributionRules({});
  const simulator = new Simulator({ profile: 'dense', seed: 11, impressionsPerSecond: 1000, partitions: 2 });
  const { rows, stateBytesMax } = await engineRun({
    simulator,
    rules,
    durationMs: DURATION_MS,
    cacheBytes: CACHE_BYTES,
    environment: createNodeEnvironment(),
    openPageStore: async () => new RocksDbPageStore({ path: join(folder, 'state') }),
    createSource: (stream) =>
      simulatorSource(simulator, stream, { durationMs: DURATION_MS }) as unknown as Source<RawRecord>,
  });
  rmSync(folder, { recursive: true, force: true });
  const result = score(rows, computeTruth(simulator, rangeWithin(simulator, DURATION_MS), rules));
  expect(result.differences).toEqual([]);
  expect(result.isPerfect).toBe(true);
  expect(stateBytesMax).toBeGreaterThan(10 * CACHE_BYTES);
}, 60_000);
