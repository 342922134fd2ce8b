import { Changes } from './changes.ts';
import {
  ENTRY_DEAD,
  ENTRY_LATE,
  ENTRY_STORE_CURRENT,
  ENTRY_VOID,
  refOf,
  type Segment,
  segmentIdOf,
} from './segment.ts';
import type { SegmentPool } from './segment-pool.ts';

/**
 * What a barrier cut off: the changed entries of the encoded tier as they were then, though the tier goes on changing. At the
 * barrier only the ends of the segments are noted; the entries are looked for later, some segments at a time. Until then,
 * whoever overwrites or moves an entry that belongs to the cut says so, and each key is in it once.
 *
 * What was evicted to the store before its turn is not in it: the change log has it.
 */
export class Cut {
  /** Changes up to this epoch belong to it. */
  readonly epoch: number;
  readonly #pool: SegmentPool;
  readonly #completedEpoch: number;
  readonly #waiting: Segment[] = [];
  readonly #taken: Segment[] = [];
  /** Refs of tombstones, and the generations of their segments. */
  readonly #tombstones: number[] = [];
  readonly #generations: number[] = [];

  constructor(pool: SegmentPool, completedEpoch: number, epoch: number) {
    this.#pool = pool;
    this.#completedEpoch = completedEpoch;
    this.epoch = epoch;
    pool.forEach((segment) => {
      if (segment.dirtyEpoch <= completedEpoch) return;
      segment.cutAt = segment.used;
      this.#retain(segment);
    });
  }

  /** Whether an entry is such a change that no file has and the change log neither. */
  isChange(segment: Segment, offset: number): boolean {
    const epoch = segment.epochAt(offset);
    return epoch > this.#completedEpoch && epoch <= this.epoch && (segment.flagsAt(offset) & ENTRY_STORE_CURRENT) === 0;
  }

  /** Whether an entry, still alive, belongs to the cut and was not looked for yet. */
  isMember(segment: Segment, offset: number): boolean {
    if (offset < segment.cutAt) return this.isChange(segment, offset);
    return (segment.flagsAt(offset) & ENTRY_LATE) !== 0;
  }

  /** An entry written after the barrier belongs to the cut: what the barrier cut off was only written or moved now. */
  include(segment: Segment, offset: number): void {
    segment.setFlag(offset, ENTRY_LATE);
    this.#addLate(segment, offset);
  }

  /** A member is overwritten by what came after the barrier: the cut keeps it. */
  keep(segment: Segment, offset: number): void {
    if (offset < segment.cutAt && this.isChange(segment, offset)) this.#addLate(segment, offset);
  }

  /** A member is overwritten or moved by something that belongs to the cut instead of it. */
  drop(segment: Segment, offset: number): void {
    segment.setFlag(offset, ENTRY_VOID);
  }

  /** The next entries, of about so many bytes; undefined when there are none. */
  next(bytes: number): Changes | undefined {
    const changes = new Changes(this.#pool.segments);
    for (let left = bytes; left > 0 && this.#waiting.length > 0;) {
      const segment = this.#waiting.shift()!;
      left -= segment.used;
      this.#collect(segment, changes);
      this.#taken.push(segment);
    }
    // A segment that nobody had to look into is let go of with the next ones.
    return changes.count > 0 || this.#waiting.length > 0 ? changes : undefined;
  }

  /** What `next` gave last is written: its bytes are no longer needed. */
  pass(): void {
    for (const segment of this.#taken) if (!segment.isWaiting) this.#pool.pass(segment);
    this.#taken.length = 0;
  }

  /** Ends it, complete or not. */
  end(): void {
    this.pass();
    for (const segment of this.#waiting) {
      for (const offset of segment.late ?? []) segment.clearFlag(offset, ENTRY_LATE);
      this.#pool.pass(segment);
    }
    this.#waiting.length = 0;
  }

  /** Calls `visit` for the tombstones given out whose entries are still where they were, from the i-th on; returns the next i. */
  forEachTombstone(from: number, countMax: number, visit: (ref: number) => void): number {
    const to = Math.min(this.#tombstones.length, from + countMax);
    for (let i = from; i < to; i++) {
      const ref = this.#tombstones[i]!;
      if (this.#pool.segments[segmentIdOf(ref)]?.generation === this.#generations[i]) visit(ref);
    }
    return to;
  }

  get tombstoneCount(): number {
    return this.#tombstones.length;
  }

  #retain(segment: Segment): void {
    segment.isRetained = true;
    segment.isWaiting = true;
    this.#waiting.push(segment);
  }

  #addLate(segment: Segment, offset: number): void {
    if (!segment.isWaiting) this.#retain(segment);
    (segment.late ??= []).push(offset);
  }

  #collect(segment: Segment, changes: Changes): void {
    for (let offset = 0; offset < segment.cutAt; offset += segment.entryBytesAt(offset)) {
      if ((segment.flagsAt(offset) & ENTRY_DEAD) === 0 && this.isChange(segment, offset)) {
        this.#take(segment, offset, changes);
      }
    }
    for (const offset of segment.late ?? []) {
      if ((segment.flagsAt(offset) & ENTRY_VOID) === 0) this.#take(segment, offset, changes);
      segment.clearFlag(offset, ENTRY_LATE);
    }
    segment.cutAt = 0;
    segment.late = undefined;
    segment.isWaiting = false;
  }

  #take(segment: Segment, offset: number, changes: Changes): void {
    const ref = refOf(segment.id, offset);
    changes.add(ref);
    if (segment.pageLengthAt(offset) > 0) return;
    this.#tombstones.push(ref);
    this.#generations.push(segment.generation);
  }
}
