import { hash } from 'node:crypto';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { writeLong } from '../../../state/schema/avro-binary.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { MAGIC, METADATA, SYNC_BYTES } from './avro-container.ts';
import { packBlock, type ContainerCodec } from './container-codec.ts';

export interface AvroContainerWriterOptions {
  /** Default `zstandard`. */
  readonly codec?: ContainerCodec | undefined;
  /** Bytes of a block before it is packed. Default 64 KiB. */
  readonly blockBytes?: number | undefined;
  /** 16 bytes. Default: derived from the schema, so that equal records give equal files. */
  readonly sync?: Uint8Array | undefined;
}

const BLOCK_BYTES = 64 * 1024;

/** Writes an Avro object container file into memory, block by block. */
export class AvroContainerWriter<T> {
  readonly #schema: Schema<T>;
  readonly #codec: ContainerCodec;
  readonly #blockBytes: number;
  readonly #sync: Uint8Array;
  readonly #file = new ByteWriter();
  readonly #block = new ByteWriter();
  #recordCount = 0;

  constructor(schema: Schema<T>, options: AvroContainerWriterOptions = {}) {
    this.#schema = schema;
    this.#codec = options.codec ?? 'zstandard';
    this.#blockBytes = options.blockBytes ?? BLOCK_BYTES;
    const avro = JSON.stringify(schema.avro);
    this.#sync = options.sync ?? hash('sha256', `tidemark container ${avro}`, 'buffer').subarray(0, SYNC_BYTES);
    this.#file.bytes(MAGIC);
    METADATA.encode(this.#file, { 'avro.schema': Buffer.from(avro), 'avro.codec': Buffer.from(this.#codec) });
    this.#file.bytes(this.#sync);
  }

  /** @throws RecordError naming the field when the value does not fit; the file is then as it was. */
  append(value: T): void {
    this.#schema.encode(this.#block, value);
    this.#recordCount++;
    if (this.#block.length >= this.#blockBytes) this.flush();
  }

  /** Ends the block, so that what was appended so far can be read. */
  flush(): void {
    if (this.#recordCount === 0) return;
    const packed = packBlock(this.#codec, this.#block.written());
    writeLong(this.#file, this.#recordCount);
    writeLong(this.#file, packed.length);
    this.#file.bytes(packed);
    this.#file.bytes(this.#sync);
    this.#block.clear();
    this.#recordCount = 0;
  }

  /** The bytes since the last call, for a file that is written piece by piece: a copy. */
  take(): Buffer {
    const bytes = this.#file.copy();
    this.#file.clear();
    return bytes;
  }
}
