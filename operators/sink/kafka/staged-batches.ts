import { crc32 } from 'node:zlib';
import { ByteReader } from '../../../engine/base/bytes.ts';
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
  #parts: Buffer[] = [];
  #byteCount = 0;
  #batchCount = 0;

  /** Bytes of the batches so far. */
  get byteCount(): number {
    return this.#byteCount;
  }

  get batchCount(): number {
    return this.#batchCount;
  }

  append({ partition, batch }: PartitionBatch): void {
    const head = Buffer.allocUnsafe(8);
    head.writeUInt32LE(partition, 0);
    head.writeUInt32LE(batch.length, 4);
    this.#parts.push(head, batch);
    this.#byteCount += head.length + batch.length;
    this.#batchCount++;
  }

  /** The whole file; the writer is empty again. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + this.#byteCount + TRAILER_BYTES);
    bytes.writeUInt32LE(MAGIC, 0);
    bytes[4] = VERSION;
    let at = HEADER_BYTES;
    for (const part of this.#parts) at += part.copy(bytes, at);
    at = bytes.writeUInt32LE(this.#batchCount, at);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at);
    this.#parts = [];
    this.#byteCount = 0;
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
