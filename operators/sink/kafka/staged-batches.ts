import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { CheckpointCorruptError } from '../../../engine/base/errors.ts';
import type { PartitionBatch } from './record-writer.ts';

/*
 * Staged batches, version 1. Little-endian.
 *   0  u32  magic       'TMKB'
 *   4  u8   version     1
 *   5  per batch: u32 partition, u32 bytes, Kafka record batch without producer and checksum
 *  -8  u32  batch count
 *  -4  u32  CRC-32 of everything before
 */
const MAGIC = 0x424b_4d54;
const VERSION = 1;
const HEADER_BYTES = 5;
const TRAILER_BYTES = 8;

/** Batches of an epoch that wait for their commit. */
export class StagedBatchesWriter {
  #writer = new ByteWriter();
  #batchCount = 0;

  /** Bytes of the batches so far. */
  get byteCount(): number {
    return this.#writer.length;
  }

  get batchCount(): number {
    return this.#batchCount;
  }

  append({ partition, batch }: PartitionBatch): void {
    const writer = this.#writer;
    if (this.#batchCount === 0) {
      writer.u32(MAGIC);
      writer.u8(VERSION);
    }
    writer.u32(partition);
    writer.u32(batch.length);
    writer.bytes(batch);
    this.#batchCount++;
  }

  /** The whole file, in bytes of its own; the writer is empty again. */
  take(): Buffer {
    const writer = this.#writer;
    writer.u32(this.#batchCount);
    writer.u32(crc32(writer.written()));
    const bytes = writer.written();
    this.#writer = new ByteWriter();
    this.#batchCount = 0;
    return bytes;
  }
}

/**
 * The batches of a staged file, as views of `bytes`.
 *
 * @param where for messages: the file's address.
 * @throws CheckpointCorruptError when the file is torn or damaged.
 */
export function readStagedBatches(bytes: Uint8Array, where: string): PartitionBatch[] {
  const damaged = (what: string): CheckpointCorruptError =>
    new CheckpointCorruptError(`staged Kafka records ${where} are damaged: ${what}`);
  if (bytes.length < HEADER_BYTES + TRAILER_BYTES) throw damaged(`${bytes.length} bytes`);
  const trailer = new ByteReader(bytes, bytes.length - TRAILER_BYTES);
  const batchCount = trailer.u32();
  const expected = trailer.u32();
  const found = crc32(bytes.subarray(0, bytes.length - 4));
  if (found !== expected) throw damaged(`checksum ${found.toString(16)}, expected ${expected.toString(16)}`);
  const reader = new ByteReader(bytes, 0, bytes.length - TRAILER_BYTES);
  const magic = reader.u32();
  const version = reader.u8();
  if (magic !== MAGIC || version !== VERSION) throw damaged(`magic ${magic.toString(16)}, version ${version}`);
  const batches: PartitionBatch[] = [];
  while (reader.remaining > 0) {
    const partition = reader.u32();
    batches.push({ partition, batch: reader.bytes(reader.u32()) });
  }
  if (batches.length !== batchCount) throw damaged(`${batches.length} batches, expected ${batchCount}`);
  return batches;
}
