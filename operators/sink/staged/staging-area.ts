import { CheckpointCorruptError } from '../../../engine/base/errors.ts';
import type { SinkContext } from '../../../engine/task/sink.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { checksumOf, StagedRowsReader } from './staged-rows.ts';

/** A part of an object in checkpoint storage that holds staged rows; plain JSON, for committables and writer state. */
export interface StagedPart {
  /** Key in checkpoint storage. */
  readonly key: string;
  readonly offset: number;
  readonly bytes: number;
  readonly rowCount: number;
  /** CRC-32 of the rows. */
  readonly checksum: number;
}

/** Where a sink keeps rows between a checkpoint's barrier and their commit: durable, named once, deleted by the sink. */
export class StagingArea {
  readonly #context: SinkContext;

  constructor(context: SinkContext) {
    this.#context = context;
  }

  /** The name of a new object: unlike any of other subtasks, attempts and checkpoints. */
  key(label: string, checkpointId: number): string {
    const { storagePrefix, subtaskIndex, attempt } = this.#context;
    return `${storagePrefix}/${label}-${subtaskIndex}-${attempt}-${checkpointId}`;
  }

  /** Describes staged rows that will be stored as the whole object or as a part of it. */
  describe(key: string, offset: number, bytes: Uint8Array, rowCount: number): StagedPart {
    return { key, offset, bytes: bytes.length, rowCount, checksum: checksumOf(bytes) };
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#context.storage.put(key, bytes);
  }

  /**
   * Opens a part for reading.
   *
   * @throws CheckpointCorruptError when it is missing or damaged.
   */
  async open<T>(part: StagedPart, schema: Schema<T>): Promise<StagedRowsReader<T>> {
    const { storage } = this.#context;
    const where = storage.url(part.key);
    let bytes: Uint8Array;
    try {
      bytes = await storage.getRange(part.key, part.offset, part.bytes);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'NOT_FOUND') throw error;
      throw new CheckpointCorruptError(`staged rows ${where} are missing`, {
        cause: error,
        hint: 'They belong to a checkpoint and must stay in checkpoint storage until the sink has committed them.',
      });
    }
    const reader = new StagedRowsReader(bytes, schema, where);
    if (bytes.length === part.bytes && reader.checksum === part.checksum) return reader;
    throw new CheckpointCorruptError(
      `staged rows ${where}: expected ${part.bytes} bytes with checksum ${part.checksum}, found ${bytes.length} with ${reader.checksum}`,
    );
  }

  async delete(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#context.storage.delete(keys);
  }
}
