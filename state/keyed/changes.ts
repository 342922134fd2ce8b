import { ENTRY_DEAD, refOf } from './segment.ts';
import type { SegmentPool } from './segment-pool.ts';

/** References to entries, with what they are sorted by. */
export class Changes {
  readonly refs: Int32Array;
  readonly hashes: Int32Array;
  readonly keyGroups: Uint16Array;
  count = 0;

  constructor(capacity: number) {
    this.refs = new Int32Array(capacity);
    this.hashes = new Int32Array(capacity);
    this.keyGroups = new Uint16Array(capacity);
  }

  grown(): Changes {
    const larger = new Changes(this.refs.length * 2);
    larger.refs.set(this.refs);
    larger.hashes.set(this.hashes);
    larger.keyGroups.set(this.keyGroups);
    larger.count = this.count;
    return larger;
  }
}

/** Every live entry written dirty after `completedEpoch`, in the order of memory. */
export function collectChanges(pool: SegmentPool, completedEpoch: number): Changes {
  let changes = new Changes(1024);
  pool.forEach((segment) => {
    if (segment.dirtyEpoch <= completedEpoch) return;
    for (let offset = 0; offset < segment.used; offset += segment.entryBytesAt(offset)) {
      if ((segment.flagsAt(offset) & ENTRY_DEAD) !== 0 || segment.epochAt(offset) <= completedEpoch) continue;
      if (changes.count === changes.refs.length) changes = changes.grown();
      const at = changes.count++;
      changes.refs[at] = refOf(segment.id, offset);
      changes.hashes[at] = segment.hashAt(offset);
      changes.keyGroups[at] = segment.keyGroupAt(offset);
    }
  });
  return changes;
}
