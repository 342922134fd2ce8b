import { RecordBatch } from '../task/record-batch.ts';
import type { InputChannel, StreamElement } from './channel-ends.ts';
import { CHANNEL_BATCHES_MAX } from './channel.ts';
import { BatchDecoder } from './codec/batch-decoder.ts';
import { RingReader } from './ring-reader.ts';
import type { RingEndOptions } from './ring-sender.ts';
import type { BellRinger } from './thread-bell.ts';

/** Memory for messages put together from pieces is kept up to this size. */
const ASSEMBLY_BYTES_KEPT = 1 << 20;

/**
 * The receiving end of a channel between threads: reads messages where they are in the ring, and fills batches with what
 * is there. Messages that come in pieces are put together first.
 */
export class RingReceiver implements InputChannel {
  readonly channelId: number;
  onPush: () => void = () => {};
  readonly #reader: RingReader;
  readonly #decoder = new BatchDecoder();
  readonly #peer: BellRinger;
  readonly #capacity: number;
  readonly #pool: RecordBatch[] = [];
  /** The decoder looks at a message that has not been read. */
  #isOpen = false;
  #isInRing = false;
  #assembly: Buffer = Buffer.allocUnsafeSlow(1024);
  #assemblyBytes = 0;
  /** Taken before their time, to be looked at. */
  readonly #ahead: StreamElement[] = [];

  constructor({ channelId, ring, peer, batchRecords }: RingEndOptions) {
    this.channelId = channelId;
    this.#reader = new RingReader(ring);
    this.#peer = peer;
    this.#capacity = batchRecords;
  }

  get isEmpty(): boolean {
    return this.#ahead.length === 0 && !this.#isOpen && this.#reader.isEmpty;
  }

  take(): StreamElement | undefined {
    return this.#ahead.shift() ?? this.#next();
  }

  /** Only the next batch is known ahead. */
  peek(i: number): RecordBatch | undefined {
    if (i > 0) return undefined;
    if (this.#ahead.length === 0) {
      const element = this.#next();
      if (element !== undefined) this.#ahead.push(element);
    }
    const next = this.#ahead[0];
    return next instanceof RecordBatch ? next : undefined;
  }

  release(batch: RecordBatch): void {
    batch.clear();
    if (this.#pool.length <= CHANNEL_BATCHES_MAX) this.#pool.push(batch);
  }

  #next(): StreamElement | undefined {
    const decoder = this.#decoder;
    let batch: RecordBatch | undefined;
    let batchCount = 0;
    let element: StreamElement | undefined;
    while (this.#open()) {
      const { recordCount } = decoder;
      if (recordCount === 0) {
        if (batch !== undefined) break;
        element = decoder.control();
        this.#close();
        break;
      }
      if (batch !== undefined && batch.length + recordCount > this.#capacity) break;
      element = batch ??= this.#pool.pop() ?? new RecordBatch(this.#capacity);
      decoder.records(batch);
      if (decoder.isLastOfBatch) batchCount++;
      this.#close();
    }
    if (batchCount > 0) this.#reader.count(batchCount);
    if (this.#reader.takeRequest()) this.#peer.ring();
    return element;
  }

  /** Has the decoder look at the next message; false when it is not there, or not whole yet. */
  #open(): boolean {
    if (this.#isOpen) return true;
    const reader = this.#reader;
    while (reader.next()) {
      const { buffer, view, start, length, hasMore } = reader;
      if (this.#assemblyBytes === 0 && !hasMore) {
        this.#decoder.open(buffer, view, start);
        this.#isInRing = true;
        return (this.#isOpen = true);
      }
      this.#reserve(length);
      buffer.copy(this.#assembly, this.#assemblyBytes, start, start + length);
      this.#assemblyBytes += length;
      reader.release();
      if (hasMore) continue;
      this.#decoder.open(this.#assembly, new DataView(this.#assembly.buffer), 0);
      this.#isInRing = false;
      return (this.#isOpen = true);
    }
    return false;
  }

  #close(): void {
    this.#isOpen = false;
    if (this.#isInRing) {
      this.#reader.release();
      return;
    }
    this.#assemblyBytes = 0;
    if (this.#assembly.length > ASSEMBLY_BYTES_KEPT) this.#assembly = Buffer.allocUnsafeSlow(1024);
  }

  #reserve(byteCount: number): void {
    const needed = this.#assemblyBytes + byteCount;
    if (needed <= this.#assembly.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#assembly.length * 2));
    this.#assembly.copy(grown, 0, 0, this.#assemblyBytes);
    this.#assembly = grown;
  }
}
