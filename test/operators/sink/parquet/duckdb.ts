import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as nodePath from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

/** Rows of a query over Parquet files, given as bytes: the independent reader of our files. `FILES` in the query stands for them. */
export async function queryParquet(files: readonly Uint8Array[], query: string): Promise<Record<string, unknown>[]> {
  const folder = await mkdtemp(nodePath.join(tmpdir(), 'tidemark-parquet-'));
  try {
    const names: string[] = [];
    for (const [index, bytes] of files.entries()) {
      const name = nodePath.join(folder, `${index}.parquet`);
      await writeFile(name, bytes);
      names.push(`'${name}'`);
    }
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    try {
      await connection.run("SET TimeZone = 'UTC'");
      const result = await connection.runAndReadAll(query.replaceAll('FILES', `read_parquet([${names.join(', ')}])`));
      return result.getRowObjects() as Record<string, unknown>[];
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
