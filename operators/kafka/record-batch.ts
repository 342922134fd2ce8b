import { crc32c } from './crc32c.ts';

/*
 * Kafka's record batch, version 2. Big-endian; varints are zigzag.
 *   0  i64  baseOffset
 *   8  i32  bytes that follow this field
 *  12  i32  partitionLeaderEpoch
 *  16  i8   magic            2
 *  17  u32  crc              CRC-32C of everything from `attributes` to the end
 *  21  i16  attributes       bits 0-2 compression, 3 log append time, 4 transactional, 5 control
 *  23  i32  lastOffsetDelta
 *  27  i64  baseTimestampMs
 *  35  i64  maxTimestampMs
 *  43  i64  producerId       -1: not idempotent
 *  51  i16  producerEpoch
 *  53  i32  baseSequence
 *  57  i32  recordCount
 *  61       records, compressed as one when `attributes` says so; each:
 *           varint bytes that follow, i8 attributes, varlong timestampDelta, varint offsetDelta,
 *           varint keyBytes (-1: null), key, varint valueBytes (-1: null), value,
 *           varint headerCount, per header: varint nameBytes, name, varint valueBytes (-1: null), value
 * A record set is batches one after the other; the last one may be cut off.
 */
export const BATCH_LENGTH_AT = 8;
/** Bytes of a batch that its length field does not count. */
export const BATCH_PREFIX_BYTES = 12;
export const LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const RECORD_COUNT_AT = 57;
export const BATCH_HEADER_BYTES = 61;
export const BATCH_MAGIC = 2;

export const COMPRESSION_MASK = 0x07;
export const LOG_APPEND_TIME = 0x08;
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;

/** `producerId` of a batch that no idempotent producer sent. */
export const NO_PRODUCER_ID = -1;

/** Reads a signed 64-bit number; exact up to 2^53, which offsets, timestamps and producer ids stay below. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

export function writeInt64(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
}

/** Who sends a batch: an idempotent or transactional producer, or none (`producerId` -1). */
export interface BatchProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly isTransactional: boolean;
}

/** Number of the records in the batch that starts at `at`. */
export function batchRecordCount(bytes: Buffer, at: number = 0): number {
  return bytes.readInt32BE(at + RECORD_COUNT_AT);
}

/**
 * Writes the producer and the sequence number of its first record into a whole batch, and the checksum that follows
 * from them: the last step before it is sent.
 */
export function sealBatch(batch: Buffer, producer: BatchProducer, baseSequence: number): void {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT) & ~TRANSACTIONAL;
  batch.writeInt16BE(producer.isTransactional ? attributes | TRANSACTIONAL : attributes, ATTRIBUTES_AT);
  writeInt64(batch, PRODUCER_ID_AT, producer.producerId);
  batch.writeInt16BE(producer.producerEpoch, PRODUCER_EPOCH_AT);
  batch.writeInt32BE(baseSequence, BASE_SEQUENCE_AT);
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT, batch.length), CRC_AT);
}
