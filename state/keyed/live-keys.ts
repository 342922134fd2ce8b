import { TAG_PART } from './key-image.ts';
import { ENTRY_DEAD, ENTRY_HEADER_BYTES } from './segment.ts';
import type { SegmentPool } from './segment-pool.ts';

/** Gets a key as bytes, `buffer[offset .. offset + length)`. */
export type OnKeyBytes = (buffer: Buffer, offset: number, length: number) => void;

/** Visits every key of key groups [start, end) that has a page in memory, in the order of memory. */
export function forEachLiveKey(pool: SegmentPool, keyGroupStart: number, keyGroupEnd: number, visit: OnKeyBytes): void {
  pool.forEach((segment) => {
    for (let offset = 0; offset < segment.used; offset += segment.entryBytesAt(offset)) {
      const keyGroup = segment.keyGroupAt(offset);
      if (keyGroup < keyGroupStart || keyGroup >= keyGroupEnd) continue;
      if ((segment.flagsAt(offset) & ENTRY_DEAD) !== 0 || segment.pageLengthAt(offset) === 0) continue;
      const keyOffset = offset + ENTRY_HEADER_BYTES;
      if (segment.buffer[keyOffset] !== TAG_PART) visit(segment.buffer, keyOffset, segment.keyLengthAt(offset));
    }
  });
}
