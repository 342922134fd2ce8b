import { beforeAll, describe, expect, test } from 'vitest';
import type { MemoryFileSystem } from '../../../engine/base/file-system-memory.ts';
import nexmark from '../../../jobs/nexmark/job.ts';
import { QUERY_NAMES } from '../../../jobs/nexmark/queries/queries.ts';
import { CollectedRows } from '../../../operators/sink/collect/collect-sink.ts';
import { testJob } from '../../harness/test-job.ts';
import { BruteForce } from './brute-force.ts';
import { CONTAINER_PATH, JSON_PATH, testEventFiles, testEvents } from './event-files.ts';
import { startQuery, standingRows } from './query-run.ts';

/** Forty seconds, with a midnight, and the 50 ids after which bidders may sell are too few for q23, which has its own. */
const EVENT_COUNT = 4_000;
const TPS = 100;
const events = testEvents(EVENT_COUNT, { tps: TPS });
const expected = new BruteForce(events);
let files: MemoryFileSystem;

beforeAll(async () => {
  files = await testEventFiles(events);
});

const checked = QUERY_NAMES.filter((query) => query !== 'q12' && query !== 'q23');

describe.each([1, 2])('at parallelism %i', (parallelism) => {
  test.each(checked)('%s comes to what all events at once do', async (query) => {
    const rows = new CollectedRows<object>();
    const { environment, execution } = startQuery({ query, files, rows, parallelism });
    await environment.run(execution.result);
    // Among ties any is right, but several readers are in no order: then only what does not depend on it is compared.
    const free = parallelism === 1 ? undefined : FREE_OF_TIES[query];
    const pick = (row: string): string => (free === undefined ? row : free.map((at) => row.split('|')[at]).join('|'));
    const found = standingRows(query, rows);
    expect(found.map(pick).sort()).toEqual(
      expected
        .rows(query as 'q0')
        .map(pick)
        .sort(),
    );
    expect(found.length).toBeGreaterThan(0);
  });
});

const FREE_OF_TIES: Readonly<Record<string, readonly number[]>> = {
  q9: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13],
  q18: [0, 1, 5],
  q19: [0, 2, 7],
};

test('q23 comes to what all events at once do', async () => {
  const many = testEvents(56_000, { tps: TPS });
  const rows = new CollectedRows<object>();
  const job = startQuery({ query: 'q23', files: await testEventFiles(many), rows, parallelism: 2 });
  await job.environment.run(job.execution.result);
  const all = new BruteForce(many).rows('q23');
  expect(standingRows('q23', rows)).toEqual(all);
  expect(all.length).toBeGreaterThan(20);
});

test('q12 counts by the clock', async () => {
  const driver = await testJob(nexmark, { params: { query: 'q12' }, startTime: '2026-01-01T00:00:03Z' });
  const bid = (bidder: number): object => ({ type: 'bid', bidder, dateTime: 0 });
  driver.source('events').push(bid(1), bid(2), bid(1));
  await driver.advanceProcessingTime('6s');
  driver.source('events').push(bid(1));
  expect(driver.sink('result').take()).toEqual([]);
  await driver.advanceProcessingTime('2s');
  const startMs = Date.parse('2026-01-01T00:00:00Z');
  const window = { windowStart: startMs, windowEnd: startMs + 10_000 };
  const rows = driver.sink<{ bidder: number }>('result').take();
  expect(rows.toSorted((a, b) => a.bidder - b.bidder)).toEqual([
    { bidder: 1, bids: 3, ...window },
    { bidder: 2, bids: 1, ...window },
  ]);
});

test.each([
  ['generated', ''],
  ['json', JSON_PATH],
  ['container', CONTAINER_PATH],
] as const)('events that are %s come to the same rows as those of an Avro file', async (kind, path) => {
  for (const query of ['q3', 'q8', 'q20', 'q22'] as const) {
    const rows = new CollectedRows<object>();
    const { environment, execution } = startQuery({ query, files, rows, kind, path, events: EVENT_COUNT, tps: TPS });
    await environment.run(execution.result);
    expect(standingRows(query, rows)).toEqual(expected.rows(query));
  }
});

test.each(['q4', 'q9', 'q15', 'q17', 'q18', 'q19'] as const)(
  '%s tells an upserting sink the same but for the rows before',
  async (query) => {
    const changelog = new CollectedRows<object>();
    const upserts = new CollectedRows<object>();
    for (const [emit, rows] of [
      ['changelog', changelog],
      ['upsert', upserts],
    ] as const) {
      const { environment, execution } = startQuery({ query, files, rows, emit });
      await environment.run(execution.result);
    }
    expect(upserts.records()).toEqual(changelog.records().filter(({ kind }) => kind !== 1));
  },
);
