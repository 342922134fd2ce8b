import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';

/** Reads tables of a lake on S3 as a stranger would: manifests, then the files they name, by DuckDB. */
export class LakeReader {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #folder: string;

  /** @param folder where downloaded files go. */
  constructor(client: S3Client, bucket: string, prefix: string, folder: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#folder = folder;
  }

  /** Rows of a table, as DuckDB gives them for `columns`; none when the table has no committed file. */
  async rows(table: string, columns: string): Promise<Record<string, unknown>[]> {
    const files = await this.#download(table);
    if (files.length === 0) return [];
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    try {
      const list = files.map((file) => `'${file}'`).join(', ');
      const reader = await connection.runAndReadAll(
        `SELECT ${columns} FROM read_parquet([${list}], hive_partitioning = false)`,
      );
      return reader.getRowObjectsJson() as Record<string, unknown>[];
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  async #download(table: string): Promise<string[]> {
    const local: string[] = [];
    for (const key of await this.#list(`${this.#prefix}/${table}/_manifests/`)) {
      const manifest = JSON.parse(Buffer.from(await this.#get(key)).toString('utf8')) as { entries: { url: string }[] };
      for (const { url } of manifest.entries) {
        const fileKey = url.replace(`s3://${this.#bucket}/`, '');
        const path = join(this.#folder, fileKey.replaceAll('/', '_'));
        mkdirSync(this.#folder, { recursive: true });
        writeFileSync(path, await this.#get(fileKey));
        local.push(path);
      }
    }
    return local;
  }

  async #list(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: prefix,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      for (const { Key: key } of page.Contents ?? []) if (key !== undefined) keys.push(key);
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return keys;
  }

  async #get(key: string): Promise<Uint8Array> {
    const object = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
    return await object.Body!.transformToByteArray();
  }
}
