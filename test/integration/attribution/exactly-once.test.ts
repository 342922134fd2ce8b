import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { SeededRandom } from '../../../engine/base/random.ts';
import { attributionRules } from '../../../jobs/attribution/rules.ts';
import { type JobRows, score } from '../../../jobs/attribution/scorer.ts';
import { Simulator } from '../../../jobs/simulator/simulator.ts';
import { computeTruth } from '../../../jobs/simulator/truth/compute-truth.ts';
import type { Truth } from '../../../jobs/simulator/truth/truth.ts';
import { rangeWithin } from '../../../jobs/simulator/truth/log-range.ts';
import { KafkaTarget } from '../../../jobs/simulator/write/kafka-target.ts';
import { runSimulator } from '../../../jobs/simulator/write/run-simulator.ts';
import type { PostgresAddress } from '../../harness/services/postgres.ts';
import { createS3Client } from '../../harness/services/s3.ts';
import { sharedServices, uniqueName } from '../../harness/services/shared.ts';
import { readFeed } from './feed-reader.ts';
import { JobProcess } from './job-process.ts';
import { LakeReader } from './lake-reader.ts';

/** Time of the simulated world, and impressions per second of it: some 320,000 events. */
const WORLD_MS = 150_000;
const RATE = 1000;
const KILLS = 5;

/** Replays one run: `TIDEMARK_TEST_SEED=n npx vitest run test/integration/attribution`. */
const seed = Number(process.env['TIDEMARK_TEST_SEED'] ?? Math.floor(performance.timeOrigin) % 1_000_000);

const TIMEOUT_MS = 480_000;

test(
  'the lake, the warehouse and the feed equal the truth after kill -9 at random moments',
  () => expectTruthAfterKills(0),
  TIMEOUT_MS,
);

test('the same on two worker threads', () => expectTruthAfterKills(2), TIMEOUT_MS);

async function expectTruthAfterKills(workers: number): Promise<void> {
  const { kafka, s3, postgres } = await sharedServices('kafka', 's3', 'postgres');
  process.stdout.write(`exactly-once: ${workers} workers, seed ${seed}; again with TIDEMARK_TEST_SEED=${seed}\n`);
  const environment = createNodeEnvironment();
  const random = new SeededRandom(seed);
  const prefix = uniqueName('exactly_once');
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-exactly-once-'));
  const simulator = new Simulator({ profile: 'dense', seed, impressionsPerSecond: RATE, partitions: 4 });
  const target = new KafkaTarget({ environment, brokers: kafka.brokers, topicPrefix: `${prefix}-` });
  await runSimulator({ environment, simulator, target, durationMs: WORLD_MS });
  const range = rangeWithin(simulator, WORLD_MS);
  const rules = attributionRules({});
  const truth = computeTruth(simulator, range, rules);
  expect(truth.recordCount).toBeGreaterThan(300_000);

  const flags = [
    ...['--kafka', kafka.brokers, '--topic-prefix', `${prefix}-`, '--bounded', 'true', '--seed', String(seed)],
    ...['--rate', String(RATE), '--lake', `s3://${s3.bucket}/${prefix}/lake`],
    ...['--checkpoints', `s3://${s3.bucket}/${prefix}/checkpoints`, '--data', folder, '--checkpoint-interval', '500ms'],
    ...['--warehouse', await createDatabase(postgres, prefix)],
    ...['--workers', String(workers), '--parallelism', String(Math.max(1, workers))],
  ];
  const variables = {
    AWS_ENDPOINT_URL: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_REGION: s3.region,
  };
  let killCount = 0;
  for (;;) {
    const job = new JobProcess(flags, variables);
    if (killCount < KILLS) {
      await environment.scheduler.delay(1500 + random.below(2500));
      if (!job.hasExited) {
        killCount++;
        await job.kill();
        continue;
      }
    }
    expect(await job.exit(), `seed ${seed}, after ${killCount} kills:\n${job.output}`).toBe(0);
    break;
  }
  expect(killCount, `seed ${seed}: the job was done before it could be killed ${KILLS} times`).toBe(KILLS);

  const lake = new LakeReader(createS3Client(s3), s3.bucket, `${prefix}/lake`, folder);
  const found = score(await rowsOfLake(lake), truth);
  expect(found.differences, `seed ${seed}`).toEqual([]);
  expect(found.isPerfect, `seed ${seed}`).toBe(true);

  const warehouse = new pg.Client({ ...postgres, database: prefix });
  await warehouse.connect();
  expectEqualRows(
    await warehouseRows(warehouse, 'fact_impression', ['impression_id']),
    [...truth.impressions].map((id) => [id]),
  );
  const clickColumns = ['click_id', 'impression_id', 'match_method', 'unmatched_reason'];
  expectEqualRows(await warehouseRows(warehouse, 'fact_click', clickColumns), clickRows(truth));
  expectEqualRows(
    await warehouseRows(warehouse, 'fact_attribution', [
      'conversion_id',
      'touch_id',
      'value_micros',
      'currency',
      'credit_ppm',
    ]),
    creditRows(truth),
  );
  const conversionIds = [...truth.attributions.keys(), ...truth.unmatchedConversions.keys()];
  expectEqualRows(
    await warehouseRows(warehouse, 'fact_conversion', ['conversion_id']),
    conversionIds.map((id) => [id]),
  );
  await warehouse.end();

  const feed = (await readFeed(kafka.brokers, `${prefix}-attribution_feed`, `${prefix}-reader`)).map(
    (text) => JSON.parse(text) as Record<string, unknown>,
  );
  expectEqualRows(
    feed.map((row) =>
      ['conversionId', 'touchId', 'valueMicros', 'currency', 'creditPpm'].map((name) => textOf(row[name])),
    ),
    creditRows(truth),
  );
  rmSync(folder, { recursive: true, force: true });
}

async function createDatabase(address: PostgresAddress, name: string): Promise<string> {
  const client = new pg.Client({ ...address });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return `postgres://${address.user}:${address.password}@${address.host}:${address.port}/${name}`;
}

async function warehouseRows(client: pg.Client, table: string, columns: readonly string[]): Promise<string[][]> {
  const result = await client.query<Record<string, unknown>>(`SELECT ${columns.join(', ')} FROM dw.${table}`);
  return result.rows.map((row) => columns.map((column) => textOf(row[column])));
}

function clickRows(truth: Truth): string[][] {
  return [
    ...[...truth.joinedClicks].map(([id, match]) => [id, match.impressionId, match.matchMethod, '']),
    ...[...truth.unmatchedClicks].map(([id, reason]) => [id, '', '', reason]),
  ];
}

function creditRows(truth: Truth): string[][] {
  return [...truth.attributions].map(([id, credit]) => [
    id,
    credit.touchId,
    textOf(credit.valueMicros),
    textOf(credit.currency),
    '1000000',
  ]);
}

function textOf(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}

/** Equal as multisets: nothing lost, nothing doubled, nothing wrong. */
function expectEqualRows(found: readonly (readonly string[])[], expected: readonly (readonly string[])[]): void {
  const sorted = (rows: readonly (readonly string[])[]): string[] => rows.map((row) => row.join(' | ')).toSorted();
  const foundRows = sorted(found);
  const expectedRows = sorted(expected);
  const firstDifference = expectedRows.findIndex((row, i) => row !== foundRows[i]);
  expect(
    { rows: foundRows.length, first: firstDifference < 0 ? undefined : foundRows[firstDifference] },
    `seed ${seed}`,
  ).toEqual({ rows: expectedRows.length, first: firstDifference < 0 ? undefined : expectedRows[firstDifference] });
}

async function rowsOfLake(lake: LakeReader): Promise<JobRows> {
  const place = 'source, sourcePartition, sourceOffset';
  const rows = async (table: string, columns: string): Promise<never[]> => (await lake.rows(table, columns)) as never[];
  return {
    impressions: await rows('impressions', 'impressionId'),
    bidRequests: await rows('bid_requests', 'auctionId'),
    joinedClicks: await rows('joined_clicks', 'clickId, impressionId, matchMethod'),
    attributions: await rows(
      'attributions',
      'conversionId, touchId, impressionId, matchMethod, valueMicros::DOUBLE AS valueMicros, currency, creditPpm::DOUBLE AS creditPpm',
    ),
    unmatched: await rows('unmatched', 'kind, eventId, reason'),
    duplicates: await rows('duplicates', `${place}, kind, duplicateKind`),
    quarantined: await rows('quarantined', `${place}, errorCode`),
    late: await rows('late', place),
  };
}
