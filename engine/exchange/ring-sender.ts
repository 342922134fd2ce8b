import { assert } from '../base/assert.ts';
import { RecordBatch } from '../task/record-batch.ts';
import type { RemoteOutputChannel, StreamElement } from './channel-ends.ts';
import { CHANNEL_BATCHES_MAX } from './channel.ts';
import { BatchEncoder, MESSAGE_BYTES } from './codec/batch-encoder.ts';
import { RingWriter } from './ring-writer.ts';
import type { SharedRing } from './shared-ring.ts';
import type { BellRinger } from './thread-bell.ts';

export interface RingEndOptions {
  readonly channelId: number;
  readonly ring: SharedRing;
  /** Of the thread at the other end. */
  readonly peer: BellRinger;
  /** Records of a batch at most; the same at both ends. */
  readonly batchRecords: number;
  /** Name of the operator that reads the channel, for errors. */
  readonly target?: string | undefined;
}

/** A message, or the rest of one, that waits for room in the ring. */
interface Waiting {
  readonly bytes: Uint8Array;
  at: number;
}

/**
 * The sending end of a channel between threads: writes batches as messages straight into the ring, while there is room.
 * What does not fit waits here, in order, until `pump`.
 */
export class RingSender implements RemoteOutputChannel {
  readonly channelId: number;
  onTake: () => void = () => {};
  readonly #writer: RingWriter;
  readonly #encoder: BatchEncoder;
  readonly #peer: BellRinger;
  readonly #capacity: number;
  readonly #pool: RecordBatch[] = [];
  /** Room that is asked for in the ring for a message whose size is not known yet. */
  readonly #lentBytes: number;
  readonly #waiting: Waiting[] = [];
  #sentBatches = 0;
  /** A record could not be sent: nothing behind it may be, whoever has caught that. */
  #failure: { readonly error: unknown } | undefined;

  constructor({ channelId, ring, peer, batchRecords, target }: RingEndOptions) {
    this.channelId = channelId;
    this.#writer = new RingWriter(ring);
    const { dataBytes } = this.#writer;
    const messageBytes = Math.min(MESSAGE_BYTES, dataBytes >>> 3);
    this.#encoder = new BatchEncoder({ target, messageBytes });
    this.#lentBytes = messageBytes * 2;
    this.#peer = peer;
    this.#capacity = batchRecords;
  }

  get hasRoom(): boolean {
    if (this.#isRoom()) return true;
    this.#writer.askForRoom();
    return this.#isRoom();
  }

  push(element: StreamElement): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      this.#push(element);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
    this.#peer.ring();
  }

  acquire(): RecordBatch {
    return this.#pool.pop() ?? new RecordBatch(this.#capacity);
  }

  pump(): boolean {
    if (this.#waiting.length === 0) return false;
    const hasMoved = this.#move();
    if (this.#waiting.length > 0) {
      this.#writer.askForRoom();
      if (this.#move()) this.#peer.ring();
    }
    if (!hasMoved) return false;
    this.#peer.ring();
    if (this.#isRoom()) this.onTake();
    return true;
  }

  #push(element: StreamElement): void {
    if (element instanceof RecordBatch) {
      assert(element.length > 0, () => 'expected a batch with records');
      this.#sentBatches = (this.#sentBatches + 1) | 0;
      for (let from = 0; from < element.length;) {
        this.#begin();
        from = this.#encoder.records(element, from);
        this.#end();
      }
      element.clear();
      if (this.#pool.length <= CHANNEL_BATCHES_MAX) this.#pool.push(element);
    } else {
      this.#begin();
      this.#encoder.control(element);
      this.#end();
    }
  }

  #isRoom(): boolean {
    return this.#waiting.length === 0 && ((this.#sentBatches - this.#writer.readCount) | 0) < CHANNEL_BATCHES_MAX;
  }

  #begin(): void {
    const { writer } = this.#encoder;
    const at = this.#waiting.length === 0 ? this.#writer.reserve(this.#lentBytes) : -1;
    if (at < 0) writer.begin();
    else writer.beginIn(this.#writer.buffer, this.#writer.view, at, at + this.#lentBytes);
  }

  #end(): void {
    const { buffer, start, at, isLent } = this.#encoder.writer;
    if (isLent) {
      this.#writer.commit(at - start);
      return;
    }
    const sentTo = this.#waiting.length === 0 ? this.#writer.write(buffer, start, at) : start;
    if (sentTo < at) this.#waiting.push({ bytes: Uint8Array.prototype.slice.call(buffer, sentTo, at), at: 0 });
  }

  #move(): boolean {
    const waiting = this.#waiting;
    let done = 0;
    let hasMoved = false;
    for (; done < waiting.length; done++) {
      const next = waiting[done]!;
      const before = next.at;
      next.at = this.#writer.write(next.bytes, before, next.bytes.length);
      if (next.at > before) hasMoved = true;
      if (next.at < next.bytes.length) break;
    }
    if (done > 0) waiting.splice(0, done);
    return hasMoved;
  }
}
