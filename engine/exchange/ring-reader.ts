import { RingEnd } from './ring-end.ts';
import {
  FRAME_GAP,
  FRAME_HEADER_BYTES,
  FRAME_LENGTH,
  FRAME_MORE,
  frameBytes,
  READ_COUNT,
  READ_POSITION,
  type SharedRing,
  WANTS_ROOM,
  WRITE_POSITION,
} from './shared-ring.ts';

/** The reading end of a ring: frame by frame, in place. */
export class RingReader extends RingEnd {
  /** Of the current frame; without one, of the next. */
  #position = 0;
  /** The writer's position as it was seen last. */
  #writePosition = 0;
  #count = 0;
  /** The current frame's payload: `buffer[start, start + length)`. */
  start = 0;
  length = 0;
  /** Whether the message goes on in the next frame. */
  hasMore = false;

  constructor(ring: SharedRing) {
    super(ring);
    this.#position = Atomics.load(this.heads, READ_POSITION);
    this.#writePosition = this.#position;
    this.#count = Atomics.load(this.heads, READ_COUNT);
  }

  get isEmpty(): boolean {
    if (this.#position !== this.#writePosition) return false;
    this.#writePosition = Atomics.load(this.heads, WRITE_POSITION);
    return this.#position === this.#writePosition;
  }

  /** Looks at the next frame; false when there is none. The frame stays until `release`. */
  next(): boolean {
    if (this.isEmpty) return false;
    const mask = this.dataBytes - 1;
    let head = this.frames[(this.#position & mask) >>> 2]!;
    if ((head & FRAME_GAP) !== 0) {
      // A frame always follows a gap.
      this.#position = (this.#position + FRAME_HEADER_BYTES + (head & FRAME_LENGTH)) | 0;
      head = this.frames[(this.#position & mask) >>> 2]!;
    }
    this.start = (this.#position & mask) + FRAME_HEADER_BYTES;
    this.length = head & FRAME_LENGTH;
    this.hasMore = (head & FRAME_MORE) !== 0;
    return true;
  }

  /** Gives the current frame's room back to the writer. */
  release(): void {
    this.#position = (this.#position + frameBytes(this.length)) | 0;
    Atomics.store(this.heads, READ_POSITION, this.#position);
  }

  /** Adds to what the writer sees as `readCount`. */
  count(added: number): void {
    this.#count = (this.#count + added) | 0;
    Atomics.store(this.heads, READ_COUNT, this.#count);
  }

  /** Whether the writer has asked for room; once per time it asks. To be called after `release` and `count`. */
  takeRequest(): boolean {
    if (Atomics.load(this.heads, WANTS_ROOM) === 0) return false;
    Atomics.store(this.heads, WANTS_ROOM, 0);
    return true;
  }
}
