import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { SeededRandom } from '../../../engine/base/random.ts';
import { attributionRules } from '../../../jobs/attribution/rules.ts';
import { type JobRows, score } from '../../../jobs/attribution/scorer.ts';
import { Simulator } from '../../../jobs/simulator/simulator.ts';
import { computeTruth } from '../../../jobs/simulator/truth/compute-truth.ts';
import { rangeWithin } from '../../../jobs/simulator/truth/log-range.ts';
import { KafkaTarget } from '../../../jobs/simulator/write/kafka-target.ts';
import { runSimulator } from '../../../jobs/simulator/write/run-simulator.ts';
import { createS3Client } from '../../harness/services/s3.ts';
import { sharedServices, uniqueName } from '../../harness/services/shared.ts';
import { JobProcess } from './job-process.ts';
import { LakeReader } from './lake-reader.ts';

/** Time of the simulated world, and impressions per second of it: some 320,000 events. */
const WORLD_MS = 150_000;
const RATE = 1000;
const KILLS = 5;

/** Replays one run: `TIDEMARK_TEST_SEED=n npx vitest run test/integration/attribution`. */
const seed = Number(process.env['TIDEMARK_TEST_SEED'] ?? Math.floor(performance.timeOrigin) % 1_000_000);

test('the lake, the warehouse and the feed equal the truth after kill -9 at random moments', async () => {
  const { kafka, s3, postgres } = await sharedServices('kafka', 's3', 'postgres');
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
  void postgres;
  rmSync(folder, { recursive: true, force: true });
}, 240_000);

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
