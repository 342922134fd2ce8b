import { ENTRY_HEADER_BYTES, offsetOf, type Segment, segmentIdOf } from './segment.ts';
import type { EntryMatcher } from './slab-index.ts';

/** The key that is looked for in the slab, by its bytes. */
export class KeyProbe implements EntryMatcher {
  readonly #segments: readonly (Segment | undefined)[];
  #buffer: Buffer = Buffer.alloc(0);
  #offset = 0;
  #length = 0;

  constructor(segments: readonly (Segment | undefined)[]) {
    this.#segments = segments;
  }

  /** The bytes must stay as they are while entries are matched. */
  point(buffer: Buffer, offset: number, length: number): void {
    this.#buffer = buffer;
    this.#offset = offset;
    this.#length = length;
  }

  isMatch(ref: number): boolean {
    const segment = this.#segments[segmentIdOf(ref)]!;
    const offset = offsetOf(ref);
    const length = this.#length;
    if (segment.keyLengthAt(offset) !== length) return false;
    const key = this.#buffer;
    const probeOffset = this.#offset;
    const buffer = segment.buffer;
    const keyOffset = offset + ENTRY_HEADER_BYTES;
    for (let i = length - 1; i >= 0; i--) {
      if (buffer[keyOffset + i] !== key[probeOffset + i]) return false;
    }
    return true;
  }
}
