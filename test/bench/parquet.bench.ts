/**
 * Writing results: rows like those of the attribution job (14 columns) to Parquet, against other writers, and to
 * PostgreSQL by binary COPY.
 * Run: npm run bench -- parquet    Unit: rows/s and CPU us per row (of this process; the server's is not counted)
 * TIDEMARK_BENCH=test: tiny sizes
 */
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as nodePath from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import {
  DuckDBInstance,
  DuckDBDataChunk,
  timestampTZValue,
  VARCHAR,
  BIGINT,
  INTEGER,
  BOOLEAN,
  DOUBLE,
  TIMESTAMPTZ,
} from '@duckdb/node-api';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { MetricGroup } from '../../engine/base/metrics.ts';
import { SeededRandom } from '../../engine/base/random.ts';
import { INSERT } from '../../engine/task/row-kind.ts';
import type { SinkContext } from '../../engine/task/sink.ts';
import { parquetColumns } from '../../operators/sink/parquet/parquet-columns.ts';
import { ParquetFile } from '../../operators/sink/parquet/parquet-file.ts';
import { startEmbeddedPostgres } from '../../operators/sink/warehouse/embedded-postgres.ts';
import { warehouseSink } from '../../operators/sink/warehouse/warehouse-sink.ts';
import { StagedRowsWriter } from '../../operators/sink/staged/staged-rows.ts';
import { boolean, float64, type Infer, int, long, optional, record, string, timestampMs } from '../../state/index.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';

const isTest = process.env['TIDEMARK_BENCH'] === 'test';
const ROWS = isTest ? 2_000 : 131_072;
const ROUNDS = isTest ? 1 : 5;

const Attribution = record('Attribution', {
  attributionId: string(),
  conversionId: string(),
  touchId: string(),
  userKey: string(),
  campaignId: string(),
  creativeId: string(),
  model: string(),
  convTs: timestampMs(),
  touchTs: timestampMs(),
  creditPpm: int(),
  valueMicros: long(),
  currency: string(),
  isViewable: boolean(),
  discount: optional(float64()),
});
type Attribution = Infer<typeof Attribution>;

const random = new SeededRandom(1);
const hex = (): string => random.uint32().toString(16).padStart(8, '0');
const rows = Array.from({ length: ROWS }, (_, i): Attribution => ({
  attributionId: `at-${hex()}${hex()}`,
  conversionId: `cv-${hex()}${i.toString(16)}`,
  touchId: `im-${hex()}${hex()}`,
  userKey: `u${random.below(200_000)}`,
  campaignId: `camp-${random.below(500)}`,
  creativeId: `cr-${random.below(3_000)}`,
  model: ['last', 'first', 'linear', 'decay', 'position', 'markov'][i % 6]!,
  convTs: 1_767_225_600_000 + i * 7,
  touchTs: 1_767_225_600_000 + i * 7 - random.below(86_400_000),
  creditPpm: random.below(1_000_001),
  valueMicros: random.below(500_000_000),
  currency: ['USD', 'EUR', 'GBP'][random.below(3)]!,
  isViewable: random.below(2) === 0,
  discount: random.below(3) === 0 ? undefined : random.next() * 1000,
}));
const NAMES = Object.keys(Attribution.fields) as (keyof Attribution)[];

async function bench(name: string, run: () => Promise<number> | number): Promise<void> {
  let bestCpuUs = Infinity;
  let bestMs = Infinity;
  let bytes = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    bytes = await run();
    bestMs = Math.min(bestMs, performance.now() - startMs);
    const used = process.cpuUsage(cpu);
    bestCpuUs = Math.min(bestCpuUs, (used.user + used.system) / ROWS);
  }
  const perSecond = Math.round((ROWS / bestMs) * 1000).toLocaleString('en');
  const size = bytes === 0 ? '' : `${(bytes / ROWS).toFixed(1)} B/row`;
  console.log(
    `${name.padEnd(44)} ${perSecond.padStart(10)} rows/s ${bestCpuUs.toFixed(2).padStart(7)} us ${size.padStart(12)}`,
  );
}

const columns = parquetColumns(Attribution as never);
for (const compression of ['zstd', 'snappy', 'none'] as const) {
  await bench(`parquet, ours, ${compression}`, () => {
    const file = new ParquetFile({ columns, compression, rowGroupRows: 131_072 });
    for (const row of rows) file.append(row as unknown as Record<string, unknown>);
    return file.finish().bytes.length;
  });
}

const zstd1 = (input: Uint8Array): Uint8Array =>
  zstdCompressSync(input, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
for (const codec of ['ZSTD', 'SNAPPY'] as const) {
  await bench(`parquet, hyparquet-writer, ${codec.toLowerCase()}`, () => {
    const columnData = NAMES.map((name) => {
      const values = rows.map((row) => row[name]);
      if (name.endsWith('Ts')) return { name, data: values.map((value) => new Date(value as number)) };
      return { name, data: name === 'valueMicros' ? values.map((value) => BigInt(value as number)) : values };
    });
    const schema = [{ name: 'schema', num_children: columns.length }, ...columns.map((column) => column.element)];
    return parquetWriteBuffer({ schema, columnData, codec, compressors: { ZSTD: zstd1 }, rowGroupSize: 131_072 })
      .byteLength;
  });
}

const folder = await mkdtemp(nodePath.join(tmpdir(), 'tidemark-bench-'));
// As root the server runs as another user, and would keep its data elsewhere if it could not enter.
await chmod(folder, 0o755);
try {
  const duckdb = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  const typeOf = (name: keyof Attribution) => {
    if (name.endsWith('Ts')) return TIMESTAMPTZ;
    const types = { creditPpm: INTEGER, valueMicros: BIGINT, isViewable: BOOLEAN, discount: DOUBLE } as const;
    return types[name as keyof typeof types] ?? VARCHAR;
  };
  for (const codec of ['zstd', 'snappy']) {
    await bench(`parquet, DuckDB (native), ${codec}`, async () => {
      await duckdb.run(
        `CREATE OR REPLACE TABLE t (${NAMES.map((name) => `${name} ${String(typeOf(name))}`).join(', ')})`,
      );
      const appender = await duckdb.createAppender('t');
      for (let at = 0; at < rows.length; at += 2_048) {
        const part = rows.slice(at, at + 2_048);
        const chunk = DuckDBDataChunk.create(NAMES.map(typeOf), part.length);
        NAMES.forEach((name, index) => {
          chunk.setColumnValues(
            index,
            part.map((row) => {
              const value = row[name];
              if (value === undefined) return null;
              if (name.endsWith('Ts')) return timestampTZValue(BigInt(value as number) * 1000n);
              return name === 'valueMicros' ? BigInt(value as number) : value;
            }),
          );
        });
        appender.appendDataChunk(chunk);
      }
      appender.closeSync();
      const path = nodePath.join(folder, 't.parquet');
      await duckdb.run(`COPY t TO '${path}' (FORMAT parquet, CODEC '${codec}', ROW_GROUP_SIZE 131072)`);
      return (await stat(path)).size;
    });
  }

  await bench('staged rows, encode', () => {
    const staged = new StagedRowsWriter(Attribution);
    for (const row of rows) staged.append(row);
    return staged.take().length;
  });

  const environment = createNodeEnvironment();
  const server = await startEmbeddedPostgres({ environment, dataDirectory: nodePath.join(folder, 'warehouse') });
  try {
    for (const mode of ['append', 'upsert'] as const) {
      const sink = warehouseSink({
        connection: server.url,
        table: `fact_${mode}`,
        schema: Attribution,
        mode,
        key: mode === 'upsert' ? ['attributionId'] : undefined,
      });
      const context: SinkContext = {
        environment,
        logger: environment.logger,
        metrics: new MetricGroup(),
        jobName: 'bench',
        sinkUid: mode,
        subtaskIndex: 0,
        parallelism: 1,
        attempt: 1,
        storage: new DirectoryStorage(environment, nodePath.join(folder, 'staged')),
        storagePrefix: mode,
      };
      const writer = await sink.createWriter(context);
      const committer = await sink.createCommitter!(context);
      let checkpointId = 0;
      await bench(`warehouse sink, staging and COPY, ${mode}`, async () => {
        for (const row of rows) writer.write(row, 0, INSERT);
        const committables = await writer.prepareCommit(++checkpointId);
        await committer.commit(checkpointId, committables);
        return 0;
      });
      await committer.close();
    }
  } finally {
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true });
}
