import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, afterAll, expect, test } from 'vitest';
import { parseBlockIndex } from '../../../jobs/nexmark/source/block-index.ts';
import type { QueryName } from '../../../jobs/nexmark/queries/queries.ts';
import { openInput } from '../../bench/nexmark/event-input.ts';
import { generateFiles } from '../../bench/nexmark/generate.ts';
import { LOOPS, type LoopQuery } from '../../bench/nexmark/loops/loops.ts';
import { runLoop } from '../../bench/nexmark/loops/run-loop.ts';
import { foldRows } from '../../bench/nexmark/print-rows.ts';
import { runQuery } from '../../bench/nexmark/run-query.ts';
import { readManifests } from '../../../operators/sink/parquet/manifest.ts';
import { BruteForce } from './brute-force.ts';
import { testEvents } from './event-files.ts';

const EVENT_COUNT = 6_500;
const TPS = 50;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-nexmark-test-'));
  generateFiles({ events: EVENT_COUNT, tps: TPS, seed: 1, out: join(folder, 'events') });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function resultsOf(query: QueryName, emit: 'changelog' | 'upsert'): Promise<string> {
  const output = join(folder, `${query}-${emit}`);
  const reading = await runQuery({
    ...{ query, emit, output, parallelism: 2, workers: 0, store: 'heap', cacheBytes: 1 << 24 },
    input: openInput(join(folder, 'events'), 'avro'),
    checkpointInterval: '20ms',
  });
  expect(reading.cpuSeconds).toBeGreaterThan(0);
  return output;
}

test('q10 writes files by day and minute', async () => {
  const output = await resultsOf('q10', 'changelog');
  const manifests = await readManifests(output, { sinkUid: 'result' });
  const partitions = new Set(manifests.flatMap(({ tidemark }) => tidemark.files.map(({ path }) => path.slice(0, 22))));
  expect([...partitions].toSorted()).toEqual([
    'dt=2023-11-14/hm=22:13',
    'dt=2023-11-14/hm=22:14',
    'dt=2023-11-14/hm=22:15',
  ]);
  const { counts } = await foldRows('q10', output);
  const found = [...counts].flatMap(([row, count]) => Array.from({ length: count }, () => row)).sort();
  expect(found).toEqual(new BruteForce(testEvents(EVENT_COUNT, { tps: TPS })).rows('q10'));
});

test.each(Object.keys(LOOPS) as LoopQuery[])('the hand-written loop of %s ends with as many rows', async (query) => {
  const { counts } = await foldRows(query, await resultsOf(query, 'changelog'));
  const rowCount = [...counts.values()].reduce((sum, count) => sum + count, 0);
  expect(runLoop(query, openInput(join(folder, 'events'), 'avro')).outputRows).toBe(rowCount);
  expect(rowCount).toBeGreaterThan(0);
});

test('an index that is cut off is refused', () => {
  expect(() => parseBlockIndex('events.avro.idx', new Uint8Array(20))).toThrow(
    'events.avro.idx: expected an index of blocks of 1000 events',
  );
});
