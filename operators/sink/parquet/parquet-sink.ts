import { UserError } from '../../../engine/base/errors.ts';
import type { Committer, Sink, SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { openStorage, type StorageOptions } from '../../../state/storage/storage-url.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import type { ParquetCompression } from './compression.ts';
import { ROW_GROUP_ROWS } from './limits.ts';
import { ParquetCommitter } from './parquet-committer.ts';
import { type ParquetColumn, parquetColumns } from './parquet-columns.ts';
import { ParquetSinkWriter } from './parquet-sink-writer.ts';
import { type RollLimits, rollLimitsOf, type RollPolicy } from './roll-policy.ts';

export interface ParquetSinkOptions<T> {
  /** Directory or `s3://bucket/prefix`. */
  readonly path: string;
  /** The record that makes a row: its fields are the columns, in their order. */
  readonly schema: Schema<T>;
  /** Folder of a row below `path`, such as `dt=2026-01-01/hour=03`. Default: none. */
  readonly partitionBy?: ((row: T) => string) | undefined;
  /** Default: a file is closed at every checkpoint. */
  readonly rollPolicy?: RollPolicy | undefined;
  /** Default `zstd`. */
  readonly compression?: ParquetCompression | undefined;
  /** Default 131,072. */
  readonly rowGroupRows?: number | undefined;
  /**
   * Adds a last column of this name with the kind of each row (`+I`, `-U`, `+U`, `-D`). Without it a row that takes
   * another back is an error, since files only grow.
   */
  readonly rowKindColumn?: string | undefined;
  /** Access to S3; or a storage of one's own. Default: the variables of the environment. */
  readonly storage?: StorageOptions | ObjectStorage | undefined;
}

/**
 * Parquet files, exactly once. Files get their final names at once and are never changed; what a checkpoint wrote becomes
 * visible with its manifest `_manifests/<uid>/<checkpoint>.json`. Read the lake through `readManifests` only: a listing
 * also shows files that no checkpoint has committed.
 */
export function parquetSink<T>(options: ParquetSinkOptions<T>): Sink<T> {
  return new ParquetSink(options);
}

class ParquetSink<T> implements Sink<T> {
  readonly description: string;
  readonly #options: ParquetSinkOptions<T>;
  readonly #columns: readonly ParquetColumn[];
  readonly #rollLimits: RollLimits | undefined;

  constructor(options: ParquetSinkOptions<T>) {
    const { rowGroupRows = ROW_GROUP_ROWS, rollPolicy } = options;
    this.description = `parquet ${options.path}`;
    this.#options = options;
    this.#columns = parquetColumns(options.schema as Schema<never>, options.rowKindColumn);
    if (!Number.isSafeInteger(rowGroupRows) || rowGroupRows < 1) {
      throw new UserError(
        'CONFIGURATION',
        `${this.description}: expected rowGroupRows of at least 1, found ${rowGroupRows}`,
      );
    }
    this.#rollLimits = rollPolicy === undefined ? undefined : rollLimitsOf(this.description, rollPolicy);
  }

  async createWriter(context: SinkContext): Promise<SinkWriter<T>> {
    const { schema, partitionBy, compression = 'zstd', rowGroupRows = ROW_GROUP_ROWS, rowKindColumn } = this.#options;
    return new ParquetSinkWriter<T>({
      context,
      description: this.description,
      storage: await this.#openStorage(context),
      schema,
      partitionBy,
      rollLimits: this.#rollLimits,
      hasRowKind: rowKindColumn !== undefined,
      file: {
        columns: this.#columns,
        compression,
        rowGroupRows,
        metadata: { 'tidemark.avro.schema': JSON.stringify(schema.avro) },
      },
    });
  }

  async createCommitter(context: SinkContext): Promise<Committer> {
    return new ParquetCommitter({ context, description: this.description, storage: await this.#openStorage(context) });
  }

  async #openStorage(context: SinkContext): Promise<ObjectStorage> {
    const { path, storage } = this.#options;
    if (storage !== undefined && 'put' in storage) return storage;
    return openStorage(context.environment, path, storage);
  }
}
