import { assert } from '../../engine/base/assert.ts';
import { COMPRESSION_NAMES, compress, type KafkaCompression } from './compression.ts';
import {
  ATTRIBUTES_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_MAGIC,
  BATCH_PREFIX_BYTES,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  NO_PRODUCER_ID,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  writeInt64,
} from './record-batch.ts';

/** Bytes of a varint of a 32-bit number at most. */
const VARINT_BYTES_MAX = 5;
/** Bytes that a record needs besides its key, value and headers, at most. */
const RECORD_OVERHEAD_BYTES = 5 * VARINT_BYTES_MAX + 1 + 10;

/** A record header: a name and a value. */
export interface KafkaHeader {
  readonly name: string;
  readonly value: Uint8Array;
}

/** Collects records into one batch of a partition. Reused: `finish` returns a copy and empties it. */
export class RecordBatchBuilder {
  #bytes: Buffer;
  #length = BATCH_HEADER_BYTES;
  #recordCount = 0;
  #baseTimestampMs = 0;
  #maxTimestampMs = 0;

  constructor(initialBytes: number = 16 * 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Bytes of the batch so far, before compression. */
  get byteCount(): number {
    return this.#length;
  }

  /** @param timestampMs an integer; `key` and `value` may be null. */
  append(
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestampMs: number,
    headers: readonly KafkaHeader[] = NO_HEADERS,
  ): void {
    const isFirst = this.#recordCount === 0;
    if (isFirst) this.#baseTimestampMs = timestampMs;
    if (isFirst || timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
    const timestampDelta = timestampMs - this.#baseTimestampMs;
    const offsetDelta = this.#recordCount++;
    const keyBytes = key === null ? -1 : key.length;
    const valueBytes = value === null ? -1 : value.length;
    const headerBytes = headers.length === 0 ? 1 : headersByteCount(headers);
    const bodyBytes =
      1 +
      varlongBytes(timestampDelta) +
      varintBytes(offsetDelta) +
      varintBytes(keyBytes) +
      Math.max(0, keyBytes) +
      varintBytes(valueBytes) +
      Math.max(0, valueBytes) +
      headerBytes;
    this.#ensure(bodyBytes + RECORD_OVERHEAD_BYTES);
    const bytes = this.#bytes;
    let at = writeVarint(bytes, this.#length, bodyBytes);
    bytes[at++] = 0;
    at = writeVarlong(bytes, at, timestampDelta);
    at = writeVarint(bytes, at, offsetDelta);
    at = writeNullable(bytes, at, key);
    at = writeNullable(bytes, at, value);
    at = writeVarint(bytes, at, headers.length);
    for (const header of headers) {
      at = writeVarint(bytes, at, Buffer.byteLength(header.name));
      at += bytes.write(header.name, at, 'utf8');
      at = writeNullable(bytes, at, header.value);
    }
    this.#length = at;
  }

  /** The batch, still without producer, sequence and checksum (`sealBatch`), in a buffer of its own. */
  finish(compression: KafkaCompression = 'none'): Buffer {
    assert(this.#recordCount > 0, () => 'a record batch needs at least one record');
    const records = compress(compression, this.#bytes.subarray(BATCH_HEADER_BYTES, this.#length));
    const batch = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + records.length);
    batch.fill(0, 0, BATCH_HEADER_BYTES);
    batch.writeInt32BE(batch.length - BATCH_PREFIX_BYTES, BATCH_LENGTH_AT);
    batch.writeInt32BE(-1, LEADER_EPOCH_AT);
    batch[MAGIC_AT] = BATCH_MAGIC;
    batch.writeInt16BE(COMPRESSION_NAMES.indexOf(compression), ATTRIBUTES_AT);
    batch.writeInt32BE(this.#recordCount - 1, LAST_OFFSET_DELTA_AT);
    writeInt64(batch, BASE_TIMESTAMP_AT, this.#baseTimestampMs);
    writeInt64(batch, MAX_TIMESTAMP_AT, this.#maxTimestampMs);
    writeInt64(batch, PRODUCER_ID_AT, NO_PRODUCER_ID);
    batch.writeInt16BE(-1, PRODUCER_EPOCH_AT);
    batch.writeInt32BE(-1, BASE_SEQUENCE_AT);
    batch.writeInt32BE(this.#recordCount, RECORD_COUNT_AT);
    records.copy(batch, BATCH_HEADER_BYTES);
    this.#recordCount = 0;
    this.#length = BATCH_HEADER_BYTES;
    return batch;
  }

  #ensure(byteCount: number): void {
    const needed = this.#length + byteCount;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

const NO_HEADERS: readonly KafkaHeader[] = [];

/** Bytes that a record adds to a batch at most, before compression. */
export function recordBytesMax(
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: readonly KafkaHeader[],
): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + headersByteCount(headers) + RECORD_OVERHEAD_BYTES;
}

function headersByteCount(headers: readonly KafkaHeader[]): number {
  let byteCount = varintBytes(headers.length);
  for (const header of headers) {
    const nameBytes = Buffer.byteLength(header.name);
    byteCount += varintBytes(nameBytes) + nameBytes + varintBytes(header.value.length) + header.value.length;
  }
  return byteCount;
}

/** Bytes of a signed 32-bit number as a zigzag varint. */
function varintBytes(value: number): number {
  const zigzag = (value << 1) ^ (value >> 31);
  return zigzag === 0 ? 1 : Math.ceil((32 - Math.clz32(zigzag)) / 7);
}

function writeVarint(bytes: Buffer, start: number, value: number): number {
  let zigzag = (value << 1) ^ (value >> 31);
  let at = start;
  while ((zigzag & ~0x7f) !== 0) {
    bytes[at++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  bytes[at++] = zigzag;
  return at;
}

/** Bytes of a safe integer as a zigzag varlong. */
function varlongBytes(value: number): number {
  if (value >= -0x4000_0000 && value < 0x4000_0000) return varintBytes(value);
  let byteCount = 1;
  for (let rest = zigzagLong(value); rest > 0x7fn; rest >>= 7n) byteCount++;
  return byteCount;
}

function writeVarlong(bytes: Buffer, start: number, value: number): number {
  if (value >= -0x4000_0000 && value < 0x4000_0000) return writeVarint(bytes, start, value);
  let at = start;
  let rest = zigzagLong(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes[at++] = Number(rest & 0x7fn) | 0x80;
  bytes[at++] = Number(rest);
  return at;
}

function zigzagLong(value: number): bigint {
  const long = BigInt(value);
  return long >= 0n ? long << 1n : (-long << 1n) - 1n;
}

function writeNullable(bytes: Buffer, start: number, part: Uint8Array | null): number {
  if (part === null) return writeVarint(bytes, start, -1);
  const at = writeVarint(bytes, start, part.length);
  bytes.set(part, at);
  return at + part.length;
}
