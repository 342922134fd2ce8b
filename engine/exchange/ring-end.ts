import { RING_HEADER_BYTES, type SharedRing } from './shared-ring.ts';

/** The memory of a ring, as both of its ends look at it. */
export abstract class RingEnd {
  /** The ring's data; payloads are read and written in place. */
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly dataBytes: number;
  /** Positions and counts, shared with the other end. */
  protected readonly heads: Int32Array;
  /** The data again, to look at the heads of frames. */
  protected readonly frames: Int32Array;

  constructor({ memory }: SharedRing) {
    this.dataBytes = memory.byteLength - RING_HEADER_BYTES;
    this.buffer = Buffer.from(memory, RING_HEADER_BYTES);
    this.view = new DataView(memory, RING_HEADER_BYTES);
    this.heads = new Int32Array(memory, 0, RING_HEADER_BYTES / 4);
    this.frames = new Int32Array(memory, RING_HEADER_BYTES);
  }
}
