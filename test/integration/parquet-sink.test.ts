import { beforeAll, expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { MemoryFileSystem } from '../../engine/base/file-system-memory.ts';
import { INSERT } from '../../engine/task/row-kind.ts';
import { json } from '../../operators/format/json/json.ts';
import { readManifests } from '../../operators/sink/parquet/manifest.ts';
import { removeOrphans } from '../../operators/sink/parquet/orphans.ts';
import { parquetSink } from '../../operators/sink/parquet/parquet-sink.ts';
import { fileSource } from '../../operators/source/file/file-source.ts';
import { long, record, string, timestampMs } from '../../state/index.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { openStorage, type StorageOptions } from '../../state/storage/storage-url.ts';
import type { S3Service } from '../harness/services/s3.ts';
import { sharedServices, uniqueName } from '../harness/services/shared.ts';
import { queryParquet } from '../operators/sink/parquet/duckdb.ts';
import { testCreateSinkContext } from '../operators/sink/sink-context.ts';
import { SourceRun } from '../operators/source/source-run.ts';

const environment = { ...createNodeEnvironment(), files: new MemoryFileSystem() };
let service: S3Service;
let access: StorageOptions;

beforeAll(async () => {
  service = (await sharedServices('s3')).s3;
  const { endpoint, region, accessKeyId, secretAccessKey } = service;
  access = { endpoint, region, accessKeyId, secretAccessKey };
});

const Click = record('Click', { clickId: string(), at: timestampMs(), costMicros: long() });

test('files of several writers on S3 are committed by one manifest, once, and read back whole', async () => {
  const path = `s3://${service.bucket}/${uniqueName('lake')}`;
  const hourOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 13).replace('T', '/hour=');
  const sink = parquetSink({ path, schema: Click, storage: access, partitionBy: (click) => `dt=${hourOf(click.at)}` });
  const context = (subtaskIndex: number) =>
    testCreateSinkContext({
      environment,
      subtaskIndex,
      sinkUid: 'lake',
      storage: new DirectoryStorage(environment, '/checkpoints'),
    });
  const writers = await Promise.all([0, 1].map(async (subtask) => sink.createWriter(context(subtask))));
  const startMs = Date.UTC(2026, 0, 1, 22);
  for (let i = 0; i < 30_000; i++) {
    writers[i % 2]!.write({ clickId: `click-${i}`, at: startMs + i * 400, costMicros: i }, 0, INSERT);
  }
  const committables = (await Promise.all(writers.map((writer) => writer.prepareCommit(1)))).flat();
  const lake = await openStorage(environment, path, access);
  expect(await readManifests(lake)).toEqual([]);

  // Two committers at once: a restarted job and the attempt before it.
  const committers = await Promise.all([0, 0].map(async (subtask) => sink.createCommitter!(context(subtask))));
  await Promise.all(committers.map((committer) => committer.commit(1, committables)));
  await committers[0]!.commit(1, committables);

  const manifests = await readManifests(lake);
  expect(manifests.map(({ tidemark }) => [tidemark.checkpointId, tidemark.rows])).toEqual([[1, 30_000]]);
  expect(manifests[0]!.entries[0]!.url).toBe(`${path}/dt=2026-01-01/hour=22/part-lake-0-1-1-0.parquet`);
  const files = manifests[0]!.tidemark.files;
  expect(new Set(files.map((file) => file.partition))).toEqual(
    new Set(['dt=2026-01-01/hour=22', 'dt=2026-01-01/hour=23', 'dt=2026-01-02/hour=00', 'dt=2026-01-02/hour=01']),
  );
  const bytes = await Promise.all(files.map(async (file) => (await lake.get(file.path))!.bytes));
  expect(
    await queryParquet(bytes, 'SELECT count(DISTINCT clickId) AS ids, sum(costMicros)::bigint AS cost FROM FILES'),
  ).toEqual([{ ids: 30_000n, cost: (29_999n * 30_000n) / 2n }]);
  expect(await removeOrphans(lake, { environment, grace: 0 })).toEqual([]);
});

test('files on S3 are read as from a folder', async () => {
  const path = `s3://${service.bucket}/${uniqueName('raw')}`;
  const raw = await openStorage(environment, path, access);
  for (const part of [0, 1, 2]) {
    const lines = Array.from({ length: 5_000 }, (_, i) =>
      JSON.stringify({ clickId: `${part}-${i}`, at: 0, costMicros: 1 }),
    );
    await raw.put(`hour=0${part}/events.jsonl`, Buffer.from(lines.join('\n')));
  }
  const source = fileSource({ path, format: json(Click), storage: access, splitBytes: 70_000, fetchBytes: 20_000 });
  const run = await new SourceRun({ source, environment, parallelism: 2 }).start();
  await run.run({ recordCountMax: 1_000 });
  expect(new Set(run.emitted.map(({ value }) => value.clickId)).size).toBe(15_000);
  expect(run.emitted.length).toBe(15_000);
});
