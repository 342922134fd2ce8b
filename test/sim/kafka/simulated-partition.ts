import {
  ATTRIBUTES_AT,
  batchRecordCount,
  BASE_SEQUENCE_AT,
  CONTROL,
  MAX_TIMESTAMP_AT,
  type BatchProducer,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  readInt64,
  sealBatch,
  TRANSACTIONAL,
  writeInt64,
} from '../../../operators/kafka/record-batch.ts';
import { RecordColumns } from '../../../operators/kafka/record-columns.ts';
import { RecordBatchBuilder } from '../../../operators/kafka/record-batch-builder.ts';
import type { AbortedTransaction } from '../../../operators/kafka/record-set-cursor.ts';

interface StoredBatch {
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

interface ProducerState {
  epoch: number;
  nextSequence: number;
  /** Base sequences of the newest batches: what a broker recognises as sent again. */
  readonly recent: number[];
}

/** What became of a batch: stored, stored before, or refused with Kafka's error code. */
export type AppendResult = 'stored' | 'duplicate' | 'fenced' | 'outOfOrder';

/** The log of one partition, with the rules of a broker for sequences, transactions and visibility. */
export class SimulatedPartition {
  leaderId: number;
  startOffset = 0;
  endOffset = 0;
  readonly #batches: StoredBatch[] = [];
  readonly #producers = new Map<number, ProducerState>();
  readonly #openTransactions = new Map<number, number>();
  readonly #aborted: (AbortedTransaction & { readonly endOffset: number })[] = [];
  #waiters: (() => void)[] = [];

  constructor(leaderId: number) {
    this.leaderId = leaderId;
  }

  /** Offset of the first record of an open transaction, else the end. */
  get lastStableOffset(): number {
    return Math.min(this.endOffset, ...this.#openTransactions.values());
  }

  /** Appends a sealed batch as a broker would. */
  append(sealed: Buffer): AppendResult {
    const producerId = readInt64(sealed, PRODUCER_ID_AT);
    const epoch = sealed.readInt16BE(PRODUCER_EPOCH_AT);
    const sequence = sealed.readInt32BE(BASE_SEQUENCE_AT);
    const state = this.#producers.get(producerId) ?? { epoch, nextSequence: 0, recent: [] };
    this.#producers.set(producerId, state);
    if (epoch < state.epoch) return 'fenced';
    if (epoch > state.epoch) {
      state.epoch = epoch;
      state.nextSequence = 0;
      state.recent.length = 0;
    }
    if (state.recent.includes(sequence)) return 'duplicate';
    if (sequence !== state.nextSequence) return 'outOfOrder';
    state.nextSequence = sequence + batchRecordCount(sealed);
    state.recent.push(sequence);
    if (state.recent.length > 5) state.recent.shift();
    const isTransactional = (sealed.readInt16BE(ATTRIBUTES_AT) & TRANSACTIONAL) !== 0;
    if (isTransactional && !this.#openTransactions.has(producerId)) {
      this.#openTransactions.set(producerId, this.endOffset);
    }
    this.#store(sealed);
    return 'stored';
  }

  /** Writes the control record that ends a transaction. */
  endTransaction(producer: BatchProducer, isCommit: boolean, timestampMs: number): void {
    const firstOffset = this.#openTransactions.get(producer.producerId);
    const builder = new RecordBatchBuilder(64);
    builder.append(Buffer.from([0, 0, 0, isCommit ? 1 : 0]), Buffer.alloc(6), timestampMs);
    const marker = builder.finish();
    marker.writeInt16BE(CONTROL, ATTRIBUTES_AT);
    sealBatch(marker, producer, -1);
    this.#store(marker);
    const state = this.#producers.get(producer.producerId);
    if (state !== undefined && producer.producerEpoch > state.epoch) {
      state.epoch = producer.producerEpoch;
      state.nextSequence = 0;
      state.recent.length = 0;
    }
    if (firstOffset === undefined) return;
    this.#openTransactions.delete(producer.producerId);
    if (!isCommit) this.#aborted.push({ producerId: producer.producerId, firstOffset, endOffset: this.endOffset });
  }

  /** Whole batches from the one that holds `offset`, up to `visibleEnd` and about `byteCountMax`. */
  read(offset: number, visibleEnd: number, byteCountMax: number): Buffer {
    const parts: Buffer[] = [];
    let byteCount = 0;
    for (const batch of this.#batches) {
      if (batch.lastOffset < offset) continue;
      if (batch.lastOffset >= visibleEnd || (parts.length > 0 && byteCount >= byteCountMax)) break;
      parts.push(batch.bytes);
      byteCount += batch.bytes.length;
    }
    const all = Buffer.concat(parts);
    // As a broker does: the last batch may be cut off, the first one comes whole.
    return all.subarray(0, Math.max(byteCountMax, parts[0]?.length ?? 0));
  }

  /** Aborted transactions that a reader of [offset, visibleEnd) has to know. */
  abortedFrom(offset: number, visibleEnd: number): AbortedTransaction[] {
    return this.#aborted
      .filter((aborted) => aborted.endOffset > offset && aborted.firstOffset < visibleEnd)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
      .sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Offset of the first record with a timestamp at or after `timestampMs`, or undefined. */
  offsetAt(timestampMs: number): number | undefined {
    const columns = new RecordColumns();
    for (const { bytes } of this.#batches) {
      if (readInt64(bytes, MAX_TIMESTAMP_AT) < timestampMs) continue;
      columns.decode(bytes, 0);
      const index = columns.timestampsMs.subarray(0, columns.count).findIndex((found) => found >= timestampMs);
      if (index >= 0) return columns.offsets[index];
    }
    return undefined;
  }

  /** Forgets what is before `offset`, as retention does. */
  deleteBefore(offset: number): void {
    this.startOffset = offset;
    while (this.#batches.length > 0 && this.#batches[0]!.lastOffset < offset) this.#batches.shift();
  }

  /** Calls back once, at the next append. */
  onAppend(callback: () => void): void {
    this.#waiters.push(callback);
  }

  #store(sealed: Buffer): void {
    writeInt64(sealed, 0, this.endOffset);
    const baseOffset = this.endOffset;
    this.endOffset += batchRecordCount(sealed);
    this.#batches.push({ bytes: sealed, baseOffset, lastOffset: this.endOffset - 1 });
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }
}
