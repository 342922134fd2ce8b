import { ExternalError } from '../../engine/base/errors.ts';
import { crc32c } from './crc32c.ts';
import {
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  BATCH_MAGIC,
  BATCH_PREFIX_BYTES,
  CONTROL,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  MAGIC_AT,
  PRODUCER_ID_AT,
  readInt64,
  TRANSACTIONAL,
} from './record-batch.ts';
import type { RecordColumns } from './record-columns.ts';

/** A transaction that was aborted: batches of this producer from this offset on are void, until its abort marker. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** A record set as a broker returned it, and how to read it. */
export interface RecordSet {
  /** For messages: `clicks-3`. */
  readonly description: string;
  readonly bytes: Buffer;
  /** The offset that was asked for: a set starts with the batch that holds it, so maybe before it. */
  readonly startOffset: number;
  /** Sorted by `firstOffset`; empty when everything is to be read. */
  readonly aborted: readonly AbortedTransaction[];
}

/**
 * Reads a record set batch by batch and leaves out what is not to be seen: records before the offset asked for, control
 * batches and batches of aborted transactions. A batch that is cut off at the end of the set is not there.
 *
 * Law: with the aborted transactions of the broker, what is read is what a `read_committed` consumer sees.
 */
export class RecordSetCursor {
  readonly #set: RecordSet;
  readonly #abortedProducers = new Set<number>();
  #nextAborted = 0;
  #at = 0;
  #nextOffset: number;

  constructor(set: RecordSet) {
    this.#set = set;
    this.#nextOffset = set.startOffset;
  }

  /** The offset behind the last batch that was passed over or read. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /**
   * Decodes the next batch that has something to see into `columns`.
   *
   * @returns the index of the first record to see, or -1 at the end of the set.
   * @throws ExternalError RECORD when a batch is damaged.
   */
  next(columns: RecordColumns): number {
    const { bytes, startOffset } = this.#set;
    for (;;) {
      const at = this.#at;
      const batchEnd = batchEndAt(bytes, at);
      if (batchEnd < 0) return -1;
      if (bytes[at + MAGIC_AT] !== BATCH_MAGIC)
        throw this.#damaged(`message format ${bytes[at + MAGIC_AT]}, expected 2`);
      const found = crc32c(bytes, at + ATTRIBUTES_AT, batchEnd);
      if (found !== bytes.readUInt32BE(at + CRC_AT)) {
        throw this.#damaged(`checksum ${found.toString(16)}, expected ${bytes.readUInt32BE(at + CRC_AT).toString(16)}`);
      }
      const lastOffset = readInt64(bytes, at) + bytes.readInt32BE(at + LAST_OFFSET_DELTA_AT);
      this.#at = batchEnd;
      if (lastOffset < startOffset) continue;
      this.#nextOffset = lastOffset + 1;
      if (this.#isHidden(at, lastOffset, columns)) continue;
      columns.decode(bytes, at);
      let first = 0;
      while (first < columns.count && columns.offsets[first]! < startOffset) first++;
      if (first < columns.count) return first;
    }
  }

  #isHidden(at: number, lastOffset: number, columns: RecordColumns): boolean {
    const { bytes, aborted } = this.#set;
    const attributes = bytes.readInt16BE(at + ATTRIBUTES_AT);
    if ((attributes & (CONTROL | TRANSACTIONAL)) === 0) return false;
    while (this.#nextAborted < aborted.length && aborted[this.#nextAborted]!.firstOffset <= lastOffset) {
      this.#abortedProducers.add(aborted[this.#nextAborted++]!.producerId);
    }
    const producerId = readInt64(bytes, at + PRODUCER_ID_AT);
    if ((attributes & CONTROL) === 0) return this.#abortedProducers.has(producerId);
    if (this.#abortedProducers.has(producerId) && isAbortMarker(bytes, at, columns)) {
      this.#abortedProducers.delete(producerId);
    }
    return true;
  }

  #damaged(what: string): ExternalError {
    return new ExternalError(
      'RECORD',
      `the record batch at offset ${readInt64(this.#set.bytes, this.#at)} of ${this.#set.description} is damaged: ${what}`,
      {
        retryable: false,
        hint: 'Check the broker that leads the partition; a job that may lose the batch can start behind it with startFrom.',
      },
    );
  }
}

/** Counts whole batches and finds where the next fetch goes on, without decoding records. */
export function measureRecordSet(
  bytes: Buffer,
  startOffset: number,
): { readonly nextOffset: number; readonly wholeBytes: number } {
  let at = 0;
  let nextOffset = startOffset;
  for (let end = batchEndAt(bytes, at); end >= 0; end = batchEndAt(bytes, at)) {
    nextOffset = Math.max(nextOffset, readInt64(bytes, at) + bytes.readInt32BE(at + LAST_OFFSET_DELTA_AT) + 1);
    at = end;
  }
  return { nextOffset, wholeBytes: at };
}

/** Where the batch at `at` ends, or -1 when it is not whole. */
function batchEndAt(bytes: Buffer, at: number): number {
  if (at + BATCH_HEADER_BYTES > bytes.length) return -1;
  const end = at + BATCH_PREFIX_BYTES + bytes.readInt32BE(at + BATCH_LENGTH_AT);
  return end > bytes.length || end < at + BATCH_HEADER_BYTES ? -1 : end;
}

/** A control batch holds one record; its key is a version (i16) and a type (i16): 0 abort, 1 commit. */
function isAbortMarker(bytes: Buffer, at: number, columns: RecordColumns): boolean {
  columns.decode(bytes, at);
  const keyAt = columns.keyStarts[0] ?? -1;
  return columns.count > 0 && keyAt >= 0 && columns.bytes.readInt16BE(keyAt + 2) === 0;
}
