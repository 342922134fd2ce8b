import type { Environment } from '../../../engine/base/environment.ts';
import { PreconditionFailedError } from '../../../engine/base/errors.ts';
import { rowKindName } from '../../../engine/task/row-kind.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import type { StagingArea } from '../staged/staging-area.ts';
import type { ParquetCommittable } from './committed-file.ts';
import type { OpenPartition } from './open-partition.ts';
import type { FinishedParquetFile } from './parquet-file.ts';

export interface ClosingFileOptions<T> {
  readonly environment: Environment;
  readonly storage: ObjectStorage;
  readonly staging: StagingArea;
  readonly schema: Schema<T>;
  readonly open: OpenPartition<T>;
  /** The file's final name. */
  readonly key: string;
  readonly releases: readonly string[];
}

/** A file that is stored. */
export type ClosedFile = Omit<ParquetCommittable, 'checkpointId'>;

/** A file on its way to its storage. Every step is done once; after a failure `run` goes on where it stopped. */
export class ClosingFile<T> {
  readonly #options: ClosingFileOptions<T>;
  #finished: FinishedParquetFile | undefined;
  #committable: ClosedFile | undefined;
  #running: Promise<ClosedFile> | undefined;

  constructor(options: ClosingFileOptions<T>) {
    this.#options = options;
  }

  /** Bytes not yet stored, about. */
  get waitingBytes(): number {
    return this.#committable === undefined ? this.#options.open.file.byteCount : 0;
  }

  /** @throws what the storage throws; may be called again then. */
  run(): Promise<ClosedFile> {
    this.#running ??= this.#run().catch((error: unknown) => {
      this.#running = undefined;
      throw error;
    });
    return this.#running;
  }

  async #run(): Promise<ClosedFile> {
    const { environment, open, releases } = this.#options;
    // The task has its turn before the last pages are encoded.
    await environment.scheduler.yield();
    await this.#loadRestored();
    this.#finished ??= open.file.finish();
    const { bytes, rowCount, checksum, ranges } = this.#finished;
    const path = await this.#put(bytes);
    const file = {
      path,
      partition: open.partition,
      rows: rowCount,
      bytes: bytes.length,
      checksum,
      ranges: ranges.toJson(),
    };
    this.#committable = { file, releases };
    this.#finished = undefined;
    return this.#committable;
  }

  /**
   * Stores the file under its name, or under one of its own when a file of another run has that name already (a lake that
   * outlived its checkpoint folder): what is there may be committed, so it is never replaced.
   */
  async #put(bytes: Uint8Array): Promise<string> {
    const { storage, environment, key } = this.#options;
    try {
      await storage.put(key, bytes, { ifAbsent: true });
      return key;
    } catch (error) {
      if (!(error instanceof PreconditionFailedError)) throw error;
      const stored = await storage.get(key);
      // Our own, put by a try whose answer was lost.
      if (stored !== undefined && Buffer.compare(stored.bytes, bytes) === 0) return key;
      const ownKey = key.replace(/\.parquet$/, `-${environment.newId()}.parquet`);
      await storage.put(ownKey, bytes, { ifAbsent: true });
      return ownKey;
    }
  }

  /** Rows that an earlier attempt staged come behind those of this one. */
  async #loadRestored(): Promise<void> {
    const { staging, schema, open } = this.#options;
    if (open.restoredParts.length === 0) return;
    const readers = [];
    for (const part of open.restoredParts) readers.push(await staging.open(part, schema));
    for (const reader of readers) {
      while (reader.next()) open.file.append(reader.row as Record<string, unknown>, rowKindName(reader.kind));
    }
    open.restoredPartsLoaded();
  }
}
