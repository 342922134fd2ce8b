import { ExternalError } from '../../engine/base/errors.ts';
import { decompress } from './compression.ts';
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_PREFIX_BYTES,
  COMPRESSION_MASK,
  LOG_APPEND_TIME,
  MAX_TIMESTAMP_AT,
  readInt64,
  RECORD_COUNT_AT,
} from './record-batch.ts';
import type { KafkaHeader } from './record-batch-builder.ts';

/** Length, attributes, time, offset, key, value and headers take a byte each at least. */
const RECORD_BYTES_MIN = 7;

/**
 * The records of one batch as parallel arrays of positions in `bytes`: no object and no copy per record. Reused from
 * batch to batch, so nothing in it may be kept.
 *
 * Hot: 0.03 us CPU per record besides the checksum's 0.18, where kafkajs' decoder needs 0.6 without checking it
 * (test/bench/kafka-decode.bench.ts, 300-byte values).
 */
export class RecordColumns {
  /** What the positions refer to: the fetched bytes, or the unpacked records. */
  bytes: Buffer = Buffer.alloc(0);
  count = 0;
  offsets: Float64Array = new Float64Array(0);
  timestampsMs: Float64Array = new Float64Array(0);
  /** -1: the key is null. */
  keyStarts: Int32Array = new Int32Array(0);
  keyEnds: Int32Array = new Int32Array(0);
  /** -1: the value is null, a tombstone. */
  valueStarts: Int32Array = new Int32Array(0);
  valueEnds: Int32Array = new Int32Array(0);

  /**
   * Decodes the whole batch that starts at `at`; its checksum has been checked.
   *
   * @throws ExternalError RECORD when the batch contradicts itself.
   */
  decode(batches: Buffer, at: number): void {
    const recordCount = batches.readInt32BE(at + RECORD_COUNT_AT);
    const attributes = batches.readInt16BE(at + ATTRIBUTES_AT);
    const batchEnd = at + BATCH_PREFIX_BYTES + batches.readInt32BE(at + BATCH_LENGTH_AT);
    this.count = 0;
    let start = at + BATCH_HEADER_BYTES;
    let end = batchEnd;
    this.bytes = batches;
    const compression = attributes & COMPRESSION_MASK;
    if (compression !== 0) {
      this.bytes = decompress(compression, batches.subarray(start, batchEnd));
      start = 0;
      end = this.bytes.length;
    }
    if (recordCount < 0 || recordCount * RECORD_BYTES_MIN > end - start) {
      throw contradiction(`${recordCount} records in ${end - start} bytes`);
    }
    if (recordCount > this.offsets.length) this.#grow(recordCount);
    this.count = recordCount;
    decodeRecords(this, start, end, readInt64(batches, at), readInt64(batches, at + BASE_TIMESTAMP_AT));
    if ((attributes & LOG_APPEND_TIME) !== 0) {
      this.timestampsMs.fill(readInt64(batches, at + MAX_TIMESTAMP_AT), 0, recordCount);
    }
  }

  /** Number of the records with an offset below `offset`. */
  countBefore(offset: number): number {
    if (this.count === 0 || this.offsets[this.count - 1]! < offset) return this.count;
    let count = 0;
    while (this.offsets[count]! < offset) count++;
    return count;
  }

  /** A view of the key of record `index`, or null. */
  key(index: number): Buffer | null {
    const start = this.keyStarts[index]!;
    return start < 0 ? null : this.bytes.subarray(start, this.keyEnds[index]);
  }

  /** A view of the value of record `index`, or null. */
  value(index: number): Buffer | null {
    const start = this.valueStarts[index]!;
    return start < 0 ? null : this.bytes.subarray(start, this.valueEnds[index]);
  }

  /** The headers of record `index`, decoded now: most jobs do not read them. */
  headers(index: number): KafkaHeader[] {
    const { bytes } = this;
    varintAt = this.valueStarts[index]! < 0 ? -this.valueEnds[index]! : this.valueEnds[index]!;
    const headers: KafkaHeader[] = [];
    for (let left = readVarint(bytes); left > 0; left--) {
      const nameBytes = readVarint(bytes);
      const name = bytes.toString('utf8', varintAt, varintAt + nameBytes);
      varintAt += nameBytes;
      const valueBytes = Math.max(0, readVarint(bytes));
      headers.push({ name, value: bytes.subarray(varintAt, varintAt + valueBytes) });
      varintAt += valueBytes;
    }
    return headers;
  }

  #grow(recordCount: number): void {
    const capacity = Math.max(recordCount, this.offsets.length * 2, 256);
    this.offsets = new Float64Array(capacity);
    this.timestampsMs = new Float64Array(capacity);
    this.keyStarts = new Int32Array(capacity);
    this.keyEnds = new Int32Array(capacity);
    this.valueStarts = new Int32Array(capacity);
    this.valueEnds = new Int32Array(capacity);
  }
}

/** Where the next varint is read; a module variable, so that reading one needs no object. */
let varintAt = 0;

function decodeRecords(columns: RecordColumns, start: number, end: number, baseOffset: number, baseMs: number): void {
  const { bytes, count, offsets, timestampsMs, keyStarts, keyEnds, valueStarts, valueEnds } = columns;
  varintAt = start;
  for (let i = 0; i < count; i++) {
    const bodyBytes = readVarint(bytes);
    const recordEnd = varintAt + bodyBytes;
    if (!(recordEnd <= end) || bodyBytes < 1)
      throw contradiction(`record ${i} of ${count} ends at ${recordEnd} of ${end}`);
    varintAt++; // attributes of the record, unused
    timestampsMs[i] = baseMs + readVarlong(bytes);
    offsets[i] = baseOffset + readVarint(bytes);
    const keyBytes = readVarint(bytes);
    keyStarts[i] = keyBytes < 0 ? -1 : varintAt;
    if (keyBytes > 0) varintAt += keyBytes;
    keyEnds[i] = varintAt;
    const valueBytes = readVarint(bytes);
    if (valueBytes < 0) {
      valueStarts[i] = -1;
      valueEnds[i] = -varintAt; // where the headers start, told apart from a real end
    } else {
      valueStarts[i] = varintAt;
      varintAt += valueBytes;
      valueEnds[i] = varintAt;
    }
    if (!(varintAt <= recordEnd))
      throw contradiction(`the value of record ${i} ends at ${varintAt}, the record at ${recordEnd}`);
    varintAt = recordEnd;
  }
}

function readVarint(bytes: Buffer): number {
  let byte = bytes[varintAt++]!;
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  let zigzag = byte & 0x7f;
  let shift = 7;
  do {
    byte = bytes[varintAt++]!;
    zigzag |= (byte & 0x7f) << shift;
    shift += 7;
  } while (byte >= 0x80 && shift < 35);
  return (zigzag >>> 1) ^ -(zigzag & 1);
}

/** Exact up to 2^53: what timestamps differ by. */
function readVarlong(bytes: Buffer): number {
  let byte = bytes[varintAt++]!;
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  let zigzag = byte & 0x7f;
  let scale = 0x80;
  do {
    byte = bytes[varintAt++]!;
    zigzag += (byte & 0x7f) * scale;
    scale *= 0x80;
  } while (byte >= 0x80);
  return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
}

function contradiction(what: string): ExternalError {
  return new ExternalError('RECORD', `a record batch contradicts itself: ${what}`, { retryable: false });
}
