import { deserialize, serialize } from 'node:v8';
import type { InputChannel, RemoteOutputChannel, StreamElement } from '../exchange/channel-ends.ts';
import { CHANNEL_BATCHES_MAX } from '../exchange/channel.ts';
import type { ControlElement } from '../exchange/control-element.ts';
import { RingReader } from '../exchange/ring-reader.ts';
import { RingWriter } from '../exchange/ring-writer.ts';
import type { SharedRing } from '../exchange/shared-ring.ts';
import type { BellRinger } from '../exchange/thread-bell.ts';
import { RecordBatch } from '../task/record-batch.ts';

/* Ends of a channel between threads, by structured cloning: general, and slow. */

interface SentBatch {
  readonly values: unknown[];
  readonly timestamps: Float64Array;
  readonly kinds: Uint8Array;
  readonly keys: RecordBatch['keys'];
}

export interface RingEndOptions {
  readonly channelId: number;
  readonly ring: SharedRing;
  /** Of the thread at the other end. */
  readonly peer: BellRinger;
  readonly batchRecords: number;
}

export class SerializedSender implements RemoteOutputChannel {
  readonly channelId: number;
  onTake: () => void = () => {};
  readonly #writer: RingWriter;
  readonly #peer: BellRinger;
  readonly #batch: RecordBatch[] = [];
  readonly #capacity: number;
  readonly #waiting: { readonly bytes: Uint8Array; at: number }[] = [];
  #sent = 0;

  constructor({ channelId, ring, peer, batchRecords }: RingEndOptions) {
    this.channelId = channelId;
    this.#writer = new RingWriter(ring);
    this.#peer = peer;
    this.#capacity = batchRecords;
  }

  get hasRoom(): boolean {
    return this.#waiting.length === 0 && ((this.#sent - this.#writer.readCount) | 0) < CHANNEL_BATCHES_MAX;
  }

  push(element: StreamElement): void {
    let sent: SentBatch | ControlElement;
    if (element instanceof RecordBatch) {
      const { length } = element;
      sent = {
        values: element.values.slice(0, length),
        timestamps: element.timestamps.slice(0, length),
        kinds: element.kinds.slice(0, length),
        keys: element.keys.slice(0, length),
      };
      this.#sent = (this.#sent + 1) | 0;
    } else {
      sent = element;
    }
    this.#waiting.push({ bytes: serialize(sent), at: 0 });
    if (element instanceof RecordBatch) {
      element.clear();
      this.#batch.push(element);
    }
    this.pump();
  }

  acquire(): RecordBatch {
    return this.#batch.pop() ?? new RecordBatch(this.#capacity);
  }

  pump(): boolean {
    let any = false;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const before = next.at;
      next.at = this.#writer.write(next.bytes, before, next.bytes.length);
      if (next.at > before) any = true;
      if (next.at < next.bytes.length) break;
      this.#waiting.shift();
    }
    if (any) this.#peer.ring();
    return any;
  }
}

export class SerializedReceiver implements InputChannel {
  readonly channelId: number;
  onPush: () => void = () => {};
  readonly #reader: RingReader;
  readonly #peer: BellRinger;
  readonly #capacity: number;
  readonly #parts: Buffer[] = [];

  constructor({ channelId, ring, peer, batchRecords }: RingEndOptions) {
    this.channelId = channelId;
    this.#reader = new RingReader(ring);
    this.#peer = peer;
    this.#capacity = batchRecords;
  }

  get isEmpty(): boolean {
    return this.#reader.isEmpty;
  }

  take(): StreamElement | undefined {
    const reader = this.#reader;
    while (reader.next()) {
      this.#parts.push(Buffer.from(reader.buffer.subarray(reader.start, reader.start + reader.length)));
      const { hasMore } = reader;
      reader.release();
      this.#peer.ring();
      if (hasMore) continue;
      const sent = deserialize(Buffer.concat(this.#parts)) as SentBatch | ControlElement;
      this.#parts.length = 0;
      if ('tag' in sent) return sent;
      reader.count(1);
      this.#peer.ring();
      const batch = new RecordBatch(this.#capacity);
      for (let i = 0; i < sent.values.length; i++) {
        batch.keys[i] = sent.keys[i]!;
        batch.push(sent.values[i], sent.timestamps[i]!, sent.kinds[i] as 0);
      }
      return batch;
    }
    return undefined;
  }

  release(_batch: RecordBatch): void {}
}
