import { RingEnd } from './ring-end.ts';
import {
  FRAME_GAP,
  FRAME_HEADER_BYTES,
  FRAME_MORE,
  frameBytes,
  READ_COUNT,
  READ_POSITION,
  type SharedRing,
  WANTS_ROOM,
  WRITE_POSITION,
} from './shared-ring.ts';

/**
 * The writing end of a ring. A message is written in place (`reserve`, then `commit`), or copied (`write`), in pieces as
 * there is room. Nothing may be reserved between the pieces of a message.
 */
export class RingWriter extends RingEnd {
  /** Published. */
  #position = 0;
  /** Behind a gap that is published together with the frame that follows it. */
  #next = 0;
  /** The reader's position as it was seen last: there is at least so much room. */
  #readPosition = 0;

  constructor(ring: SharedRing) {
    super(ring);
    this.#position = Atomics.load(this.heads, WRITE_POSITION);
    this.#next = this.#position;
    this.#readPosition = Atomics.load(this.heads, READ_POSITION);
  }

  /** Bytes that the reader has not released yet. */
  get usedBytes(): number {
    this.#readPosition = Atomics.load(this.heads, READ_POSITION);
    return (this.#position - this.#readPosition) | 0;
  }

  /** What the reader has counted. */
  get readCount(): number {
    return Atomics.load(this.heads, READ_COUNT);
  }

  /** Asks the reader to wake the writer's thread when it has released something. To be followed by another look for room. */
  askForRoom(): void {
    Atomics.store(this.heads, WANTS_ROOM, 1);
  }

  /**
   * Finds room for a payload of `byteCount` bytes in one piece.
   *
   * @returns where it starts in `buffer`; -1 when there is no room now, or never will be.
   */
  reserve(byteCount: number): number {
    const needed = frameBytes(byteCount);
    const offset = this.#position & (this.dataBytes - 1);
    const toEnd = this.dataBytes - offset;
    if (needed <= toEnd) {
      if (!this.#hasFree(needed)) return -1;
      this.#next = this.#position;
      return offset + FRAME_HEADER_BYTES;
    }
    if (needed > this.dataBytes || !this.#hasFree(toEnd + needed)) return -1;
    this.#gap(offset, toEnd);
    return FRAME_HEADER_BYTES;
  }

  /** Publishes the payload reserved last. @param byteCount at most what was reserved. */
  commit(byteCount: number): void {
    this.#publish(byteCount);
  }

  /**
   * Copies what there is room for of a message `bytes[from, to)`, or of its rest.
   *
   * @returns where the part begins that did not fit; `to` when the message is sent.
   */
  write(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to) {
      const rest = to - at;
      // Not in crumbs: the reader shall have released a good part of the ring first.
      const wanted = frameBytes(Math.min(rest, this.dataBytes >>> 3));
      let offset = this.#position & (this.dataBytes - 1);
      const toEnd = this.dataBytes - offset;
      this.#next = this.#position;
      let free: number;
      if (wanted <= toEnd) {
        if (!this.#hasFree(wanted)) break;
        free = Math.min(toEnd, this.#free());
      } else {
        if (!this.#hasFree(toEnd + wanted)) break;
        this.#gap(offset, toEnd);
        offset = 0;
        free = this.#free() - toEnd;
      }
      const count = Math.min(rest, free - FRAME_HEADER_BYTES);
      const start = offset + FRAME_HEADER_BYTES;
      this.buffer.set(count === bytes.length ? bytes : bytes.subarray(at, at + count), start);
      at += count;
      this.#publish(at === to ? count : count | FRAME_MORE);
    }
    return at;
  }

  #free(): number {
    return this.dataBytes - ((this.#position - this.#readPosition) | 0);
  }

  #hasFree(byteCount: number): boolean {
    if (byteCount <= this.#free()) return true;
    this.#readPosition = Atomics.load(this.heads, READ_POSITION);
    return byteCount <= this.#free();
  }

  #gap(offset: number, toEnd: number): void {
    this.frames[offset >>> 2] = FRAME_GAP | (toEnd - FRAME_HEADER_BYTES);
    this.#next = (this.#position + toEnd) | 0;
  }

  /** @param head payload bytes and flags. */
  #publish(head: number): void {
    const offset = this.#next & (this.dataBytes - 1);
    this.frames[offset >>> 2] = head;
    this.#position = (this.#next + frameBytes(head & ~FRAME_MORE)) | 0;
    this.#next = this.#position;
    Atomics.store(this.heads, WRITE_POSITION, this.#position);
  }
}
