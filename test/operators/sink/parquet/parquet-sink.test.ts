import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createNodeEnvironment } from '../../../../engine/base/environment-node.ts';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { ExternalError, UserError } from '../../../../engine/base/errors.ts';
import { DELETE, INSERT } from '../../../../engine/task/row-kind.ts';
import type { SinkContext } from '../../../../engine/task/sink.ts';
import { readManifests } from '../../../../operators/sink/parquet/manifest.ts';
import { removeOrphans, voidManifestsAfter } from '../../../../operators/sink/parquet/orphans.ts';
import { parquetSink, type ParquetSinkOptions } from '../../../../operators/sink/parquet/parquet-sink.ts';
import { type Infer, int, record } from '../../../../state/index.ts';
import { DirectoryStorage } from '../../../../state/storage/directory-storage.ts';
import { testCreateSinkContext } from '../sink-context.ts';
import { queryParquet } from './duckdb.ts';

const Row = record('Row', { n: int() });
type Row = Infer<typeof Row>;

function testCreateLake(options: Partial<ParquetSinkOptions<Row>> = {}) {
  const environment = new VirtualEnvironment();
  const lake = new DirectoryStorage(environment, '/lake');
  const storage = new DirectoryStorage(environment, '/checkpoints');
  const sink = parquetSink({ path: '/lake', schema: Row, ...options });
  const context = (fields: Partial<SinkContext> = {}) => testCreateSinkContext({ environment, storage, ...fields });
  return { environment, lake, storage, sink, context };
}

const keysOf = async (storage: DirectoryStorage, prefix = ''): Promise<string[]> =>
  (await storage.list(prefix)).map((entry) => entry.key);

test('a checkpoint shows as one manifest that COPY can load', async () => {
  const { environment, lake, sink, context } = testCreateLake({ partitionBy: (row) => `dt=2026-01-0${row.n}` });
  await environment.run(
    (async () => {
      const writer = await sink.createWriter(context({ sinkUid: 'lake clicks', attempt: 3, subtaskIndex: 2 }));
      for (const n of [2, 1, 2]) writer.write({ n }, 0, INSERT);
      const committables = await writer.prepareCommit(17);
      expect(await readManifests(lake)).toEqual([]);
      const committer = await sink.createCommitter!(context({ sinkUid: 'lake clicks' }));
      await committer.commit(17, committables);
      const [manifest] = await readManifests(lake);
      const first = 'dt=2026-01-01/part-lake%20clicks-2-3-17-0.parquet';
      const second = 'dt=2026-01-02/part-lake%20clicks-2-3-17-1.parquet';
      expect(manifest).toMatchObject({
        key: '_manifests/lake%20clicks/0000000000000017.json',
        entries: [
          { url: `/lake/${first}`, mandatory: true, meta: { content_length: expect.any(Number) } },
          { url: `/lake/${second}`, mandatory: true },
        ],
        tidemark: {
          format: 1,
          jobName: 'job',
          sinkUid: 'lake clicks',
          checkpointId: 17,
          rows: 3,
          files: [
            { path: first, partition: 'dt=2026-01-01', rows: 1, ranges: { n: { min: 1, max: 1 } } },
            { path: second, rows: 2 },
          ],
        },
      });
      expect(await keysOf(lake, 'dt=')).toEqual([first, second]);
      expect(await readManifests(lake, { sinkUid: 'lake clicks', afterCheckpointId: 17 })).toEqual([]);
      expect(await readManifests(lake, { sinkUid: 'lake' })).toEqual([]);
    })(),
  );
});

test('a lake is read by its path too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-lake-'));
  try {
    const environment = createNodeEnvironment();
    const sink = parquetSink({ path: folder, schema: Row });
    const context = testCreateSinkContext({ environment, storage: new DirectoryStorage(environment, `${folder}/chk`) });
    const writer = await sink.createWriter(context);
    writer.write({ n: 1 }, 0, INSERT);
    await (await sink.createCommitter!(context)).commit(3, await writer.prepareCommit(3));
    expect((await readManifests(folder)).map(({ tidemark }) => tidemark.rows)).toEqual([1]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('an epoch without rows leaves nothing behind', async () => {
  const { environment, lake, sink, context } = testCreateLake();
  await environment.run(
    (async () => {
      const writer = await sink.createWriter(context());
      const committables = await writer.prepareCommit(1);
      await (await sink.createCommitter!(context())).commit(1, committables);
      expect(committables).toEqual([]);
      expect(await keysOf(lake)).toEqual([]);
    })(),
  );
});

test('a zombie attempt writes other files, and cannot commit them over a committed checkpoint', async () => {
  const { environment, lake, sink, context } = testCreateLake();
  await environment.run(
    (async () => {
      const commits = [];
      for (const attempt of [1, 2]) {
        const writer = await sink.createWriter(context({ attempt }));
        writer.write({ n: attempt }, 0, INSERT);
        commits.push(await writer.prepareCommit(5));
      }
      const committer = await sink.createCommitter!(context());
      await committer.commit(5, commits[1]!);
      await committer.commit(5, commits[1]!);
      const late = committer.commit(5, commits[0]!);
      await expect(late).rejects.toThrow(
        'parquet /lake: checkpoint 5 was committed before with other files: expected 1 files with 1 rows (first part-sink-0-1-5-0.parquet) of job job, ' +
          'found 1 files with 1 rows (first part-sink-0-2-5-0.parquet) of job job in /lake/_manifests/sink/0000000000000005.json',
      );
      await expect(late).rejects.toBeInstanceOf(ExternalError);
      await expect(late).rejects.toMatchObject({ code: 'PRECONDITION_FAILED', retryable: false });
      expect((await readManifests(lake)).map((manifest) => manifest.tidemark.files[0]!.path)).toEqual([
        'part-sink-0-2-5-0.parquet',
      ]);
      // What the zombie left behind goes when its time is over.
      expect(await removeOrphans(lake, { environment, grace: '1h' })).toEqual([]);
      await environment.scheduler.delay(3_600_001);
      const orphans = [expect.objectContaining({ key: 'part-sink-0-1-5-0.parquet' })];
      expect(await removeOrphans(lake, { environment, grace: '1h', isDryRun: true })).toEqual(orphans);
      expect(await removeOrphans(lake, { environment, grace: '1h' })).toEqual(orphans);
      expect(await keysOf(lake, 'part-')).toEqual(['part-sink-0-2-5-0.parquet']);
    })(),
  );
});

test('a roll policy holds files over checkpoints; age, rows and the end of the input close them', async () => {
  const { environment, lake, storage, sink, context } = testCreateLake({ rollPolicy: { rows: 4, age: '1m' } });
  await environment.run(
    (async () => {
      const writer = await sink.createWriter(context());
      const rowsAt = async (checkpointId: number, values: readonly number[]): Promise<readonly unknown[]> => {
        for (const n of values) writer.write({ n }, 0, INSERT);
        const prepared = writer.prepareCommit(checkpointId);
        writer.snapshotState!(checkpointId);
        return (await prepared).map((part) => (part as { file: { rows: number } }).file.rows);
      };
      expect(await rowsAt(1, [1])).toEqual([]);
      expect(await keysOf(lake)).toEqual([]);
      expect(await keysOf(storage)).toEqual(['staged/sink/held-0-1-1']);
      expect(await rowsAt(2, [2, 3])).toEqual([]);
      expect(await rowsAt(3, [4])).toEqual([4]);
      expect(await rowsAt(4, [5])).toEqual([]);
      await environment.scheduler.delay(60_000);
      expect(await rowsAt(5, [])).toEqual([1]);
      expect(await rowsAt(6, [6])).toEqual([]);
      await writer.flush!();
      expect(await rowsAt(7, [])).toEqual([1]);
    })(),
  );
});

test('a full checkpoint closes held files: a savepoint takes no parts of them along', async () => {
  const { environment, sink, context } = testCreateLake({ rollPolicy: { rows: 100 } });
  await environment.run(
    (async () => {
      const writer = await sink.createWriter(context());
      writer.write({ n: 1 }, 0, INSERT);
      expect(await writer.prepareCommit(1)).toEqual([]);
      expect(writer.snapshotState!(1)).toHaveLength(1);
      writer.write({ n: 2 }, 0, INSERT);
      expect(await writer.prepareCommit(2, true)).toMatchObject([{ file: { rows: 2 } }]);
      expect(writer.snapshotState!(2)).toEqual([]);
    })(),
  );
});

test('a file of the same name is never replaced: the later one gets a name of its own', async () => {
  const { environment, lake, sink, context } = testCreateLake();
  await environment.run(
    (async () => {
      for (const n of [1, 2]) {
        // Another checkpoint folder, so attempt and checkpoint begin anew.
        const writer = await sink.createWriter(context());
        writer.write({ n }, 0, INSERT);
        const committables = await writer.prepareCommit(1);
        if (n === 1) await (await sink.createCommitter!(context())).commit(1, committables);
      }
      const [manifest] = await readManifests(lake);
      const committed = manifest!.tidemark.files[0]!;
      expect((await lake.get(committed.path))!.bytes.length).toBe(committed.bytes);
      expect(await keysOf(lake, 'part-')).toHaveLength(2);
    })(),
  );
});

test('an epoch of a failed checkpoint is committed although another history has committed its id', async () => {
  const { environment, lake, sink, context } = testCreateLake();
  await environment.run(
    (async () => {
      const before = await sink.createWriter(context({ attempt: 1 }));
      before.write({ n: 1 }, 0, INSERT);
      await (await sink.createCommitter!(context())).commit(6, await before.prepareCommit(6));
      // Taken back to checkpoint 5: its own checkpoint 6 failed, so 7 brings both.
      const after = await sink.createWriter(context({ attempt: 2 }));
      const epochs = [];
      for (const id of [6, 7]) {
        after.write({ n: id }, 0, INSERT);
        epochs.push(...(await after.prepareCommit(id)));
      }
      await (await sink.createCommitter!(context())).commit(7, epochs);
      const rows = (await readManifests(lake)).map((manifest) => manifest.tidemark.rows);
      expect(rows).toEqual([1, 2]);
    })(),
  );
});

test('staged rows are deleted some commits after their file was committed', async () => {
  const { environment, storage, sink, context } = testCreateLake({ rollPolicy: { rows: 2 } });
  await environment.run(
    (async () => {
      const writer = await sink.createWriter(context());
      const committer = await sink.createCommitter!(context());
      for (let id = 1; id <= 80; id++) {
        writer.write({ n: id }, 0, INSERT);
        await committer.commit(id, await writer.prepareCommit(id));
      }
      const left = await keysOf(storage);
      expect(left).not.toContain('staged/sink/held-0-1-1');
      expect(left.length).toBe(20);
    })(),
  );
});

test('going back to an older savepoint: later manifests are voided', async () => {
  const { environment, lake, sink, context } = testCreateLake();
  await environment.run(
    (async () => {
      const writer = await sink.createWriter(context());
      const committer = await sink.createCommitter!(context());
      for (const id of [8, 9, 10]) {
        writer.write({ n: id }, 0, INSERT);
        await committer.commit(id, await writer.prepareCommit(id));
      }
      expect(await voidManifestsAfter(lake, 'sink', 8)).toEqual([9, 10]);
      expect((await readManifests(lake)).map((manifest) => manifest.tidemark.checkpointId)).toEqual([8]);
    })(),
  );
});

test('rows that take back others need a column for their kind', async () => {
  const { sink, context } = testCreateLake();
  const writer = await sink.createWriter(context());
  expect(() => writer.write({ n: 1 }, 0, DELETE)).toThrow(
    'parquet /lake: expected inserts only, found a row of kind -D',
  );

  const changes = testCreateLake({ rowKindColumn: 'op' });
  await changes.environment.run(
    (async () => {
      const changeWriter = await changes.sink.createWriter(changes.context());
      changeWriter.write({ n: 1 }, 0, INSERT);
      changeWriter.write({ n: 1 }, 0, DELETE);
      await changeWriter.prepareCommit(1);
    })(),
  );
  const file = await changes.lake.get('part-sink-0-1-1-0.parquet');
  expect(await queryParquet([file!.bytes], 'SELECT * FROM FILES')).toEqual([
    { n: 1, op: '+I' },
    { n: 1, op: '-D' },
  ]);
});

test.each(['../x', '/abs', 'a//b', 'a/', '.', '_hidden/x', 'a\nb', 'a\\b'])(
  'the partition %j is refused',
  async (partition) => {
    const { sink, context } = testCreateLake({ partitionBy: () => partition });
    const writer = await sink.createWriter(context());
    expect(() => writer.write({ n: 1 }, 0, INSERT)).toThrow(
      'partitionBy: expected a folder such as dt=2026-01-01/hour=03, found',
    );
  },
);

test('too many partitions are a mistake that is named', async () => {
  const { sink, context } = testCreateLake({ partitionBy: (row) => `n=${row.n}` });
  const writer = await sink.createWriter(context());
  expect(() => {
    for (let n = 0; n < 5_000; n++) writer.write({ n }, 0, INSERT);
  }).toThrow('parquet /lake: partitionBy: more than 4096 partitions are open at once, the last n=4096');
});

test('impossible options are refused', () => {
  const create = (options: Partial<ParquetSinkOptions<Row>>) => () =>
    parquetSink({ path: '/lake', schema: Row, ...options });
  expect(create({ rollPolicy: {} })).toThrow(
    'parquet /lake: expected a rollPolicy with rows, bytes or age above 0, found {}',
  );
  expect(create({ rollPolicy: { rows: 0, age: '1m' } })).toThrow(UserError);
  expect(create({ rowGroupRows: 0 })).toThrow('expected rowGroupRows of at least 1, found 0');
  expect(create({ rowKindColumn: 'n' })).toThrow('record Row has a field n already');
});
