import type { RingReader } from '../../../engine/exchange/ring-reader.ts';
import type { RingWriter } from '../../../engine/exchange/ring-writer.ts';

/** The n-th message of a seed: its length and its bytes follow from both. */
export function testCreateMessage(seed: number, nth: number, bytesMax: number): Buffer {
  let state = Math.imul(seed ^ Math.imul(nth + 1, 0x9e3779b1), 0x85ebca6b) >>> 0;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const message = Buffer.alloc(1 + (next() % bytesMax));
  for (let i = 0; i < message.length; i++) message[i] = next() >>> 24;
  return message;
}

/** Sends a message in place when there is room, else as far as it goes; returns what is left to send from. */
export function testSend(writer: RingWriter, message: Buffer, from: number): number {
  const at = from === 0 ? writer.reserve(message.length + 5) : -1;
  if (at < 0) return writer.write(message, from, message.length);
  message.copy(writer.buffer, at);
  writer.commit(message.length);
  return message.length;
}

/** Puts messages together from their frames. */
export class TestReceiver {
  readonly #reader: RingReader;
  #pieces: Buffer[] = [];

  constructor(reader: RingReader) {
    this.#reader = reader;
  }

  /** Reads one frame. Returns the message that it ends; undefined when there is none yet. */
  read(): Buffer | undefined {
    if (!this.#reader.next()) return undefined;
    const { start, length, hasMore } = this.#reader;
    this.#pieces.push(Buffer.from(this.#reader.buffer.subarray(start, start + length)));
    this.#reader.release();
    if (hasMore) return undefined;
    const message = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return message;
  }
}

const NEVER = new Int32Array(new SharedArrayBuffer(4));

/** Leaves the processor to the other thread for a moment. */
export function testPause(): void {
  Atomics.wait(NEVER, 0, 0, 0.05);
}
