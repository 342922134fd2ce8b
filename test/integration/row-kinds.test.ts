import { parquetReadObjects } from 'hyparquet';
import { zstdDecompressSync } from 'node:zlib';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { MemoryFileSystem } from '../../engine/base/file-system-memory.ts';
import { JobExecution } from '../../engine/runtime/job-execution.ts';
import {
  generatorSource,
  type Infer,
  kafkaSink,
  long,
  optional,
  parquetSink,
  readManifests,
  record,
  StreamExecutionEnvironment,
  string,
  warehouseSink,
  WatermarkStrategy,
} from '../../operators/index.ts';
import { kafkaTransportFactory } from '../../operators/kafka/connect.ts';
import { jsonEncoder } from '../../operators/format/json/json-encode.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import { readRecords } from '../conformance/kafka/read-records.ts';
import { sharedServices, uniqueName } from '../harness/services/shared.ts';

const Impression = record('Impression', { id: string(), at: long() });
const Click = record('Click', { id: string(), clickedId: string(), at: long() });
const Outcome = record('Outcome', { impressionId: string(), clickId: optional(string()) });
type Impression = Infer<typeof Impression>;
type Click = Infer<typeof Click>;
type Outcome = Infer<typeof Outcome>;

const IMPRESSIONS = 60;
/** The clicks of impression 3n, of which some come long before their impression is read, others long after. */
const CLICKS = IMPRESSIONS / 3;

test('rows that are taken back leave warehouse, lake and topic as if they had never been', async () => {
  const { postgres, kafka } = await sharedServices('postgres', 'kafka');
  const environment = { ...createNodeEnvironment(), files: new MemoryFileSystem() };
  const table = uniqueName('outcome').replaceAll('-', '_');
  const topic = uniqueName('outcomes');
  const url = `postgres://${postgres.user}:${postgres.password}@${postgres.host}:${postgres.port}/${postgres.database}`;
  const lake = new DirectoryStorage(environment, '/lake');

  const execution = JobExecution.start({
    environment,
    jobName: uniqueName('row-kinds'),
    parallelism: 2,
    checkpointInterval: '50ms',
    checkpointStorage: new DirectoryStorage(environment, '/checkpoints'),
    openPageStore: async () => new HeapPageStore(),
    buildGraph: () => {
      const env = new StreamExecutionEnvironment();
      const byTime = <T extends { readonly at: number }>() =>
        WatermarkStrategy.forMonotonousTimestamps<T>().withTimestamp((row: T) => row.at);
      const impressions = env.fromSource(
        generatorSource<Impression>({
          splitCount: 2,
          countPerSplit: IMPRESSIONS / 2,
          recordAt: (split, i) => ({ id: `i${i * 2 + split}`, at: 1_000 + (i * 2 + split) * 10 }),
          recordsPerSecond: 200,
        }),
        'impressions',
        byTime<Impression>(),
      );
      const clicks = env.fromSource(
        generatorSource<Click>({
          countPerSplit: CLICKS,
          recordAt: (_split, i) => ({ id: `c${i}`, clickedId: `i${i * 3}`, at: 1_005 + i * 30 }),
          recordsPerSecond: 70,
        }),
        'clicks',
        byTime<Click>(),
      );
      const outcomes = impressions
        .keyBy(({ id }) => id)
        .intervalJoin(clicks.keyBy(({ clickedId }) => clickedId))
        .between(0, '1s')
        .leftOuter({ emitUnmatched: 'early' })
        .map((impression, click): Outcome => ({ impressionId: impression.id, clickId: click?.id }), {
          uid: 'join',
          leftSchema: Impression,
          rightSchema: Click,
        });
      outcomes.sinkTo(
        warehouseSink<Outcome>({ connection: url, table, schema: Outcome, mode: 'upsert', key: ['impressionId'] }),
        { uid: 'warehouse' },
      );
      outcomes.sinkTo(parquetSink({ path: '/lake', schema: Outcome, rowKindColumn: 'op', storage: lake }), {
        uid: 'lake',
      });
      outcomes.sinkTo(
        kafkaSink<Outcome>({
          brokers: kafka.brokers,
          topic,
          format: jsonEncoder(Outcome),
          key: ({ impressionId }) => impressionId,
          changelog: 'upsert',
          createTopic: { partitions: 1, replicationFactor: 1, settings: { 'cleanup.policy': 'compact' } },
        }),
        { uid: 'topic' },
      );
      return env.streamGraph();
    },
  });
  expect(await execution.result).toMatchObject({ state: 'finished' });

  const expected = new Map(Array.from({ length: IMPRESSIONS }, (_, i) => [`i${i}`, i % 3 === 0 ? `c${i / 3}` : null]));
  const client = new pg.Client(url);
  await client.connect();
  const stored = await client.query<{ impression_id: string; click_id: string | null }>(`SELECT * FROM dw.${table}`);
  await client.end();
  expect(new Map(stored.rows.map((row) => [row.impression_id, row.click_id]))).toEqual(expected);

  // The lake keeps every change, in order of its checkpoints; its readers take back what was taken back.
  const inLake = new Map<string, string | null>();
  let retractions = 0;
  for (const { tidemark } of await readManifests(lake)) {
    for (const { path } of tidemark.files) {
      const rows = await parquetReadObjects({
        file: Uint8Array.from((await lake.get(path))!.bytes).buffer,
        compressors: { ZSTD: (input) => zstdDecompressSync(input) },
      });
      for (const { impressionId, clickId, op } of rows as {
        impressionId: string;
        clickId: string | null;
        op: string;
      }[]) {
        if (op === '-D') {
          expect(inLake.get(impressionId)).toBe(clickId);
          inLake.delete(impressionId);
          retractions++;
        } else {
          inLake.set(impressionId, clickId);
        }
      }
    }
  }
  expect(inLake).toEqual(expected);
  expect(retractions).toBeGreaterThan(0);

  const transport = kafkaTransportFactory({ brokers: kafka.brokers })({ environment, logger: environment.logger });
  const inTopic = new Map<string, string | null>();
  for (const { key, value } of await readRecords(transport, topic, 0)) {
    if (value === null) inTopic.delete(key!);
    else inTopic.set(key!, (JSON.parse(value) as Outcome).clickId ?? null);
  }
  await transport.close();
  expect(inTopic).toEqual(expected);
});
