import { InternalError } from '../../engine/base/errors.ts';
import { Segment, SEGMENTS_MAX } from './segment.ts';

/** Empty segments of full size kept for use again. */
const FREE_SEGMENTS_MAX = 4;

/**
 * The segments of a slab by id, those in use, those to be used again, and those that only a snapshot still reads: it marks
 * what it reads by `isRetained` and lets go of it by `pass`.
 */
export class SegmentPool {
  /** By id; looked up directly. */
  readonly segments: (Segment | undefined)[] = [undefined];
  /** Size of segments worth keeping. */
  readonly #fullBytes: number;
  readonly #free: Segment[] = [];
  readonly #freeIds: number[] = [];
  /** Segments without live entries that a snapshot still reads. */
  readonly #zombies: Set<Segment> = new Set();
  #zombieBytes = 0;
  #bytes = 0;
  #count = 0;
  #generation = 0;

  constructor(fullBytes: number) {
    this.#fullBytes = fullBytes;
  }

  /** Bytes of the segments in use. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** Bytes of segments that only a snapshot still reads. */
  get retainedBytes(): number {
    return this.#zombieBytes;
  }

  /** Segments in use; at most SEGMENTS_MAX - 1. */
  get count(): number {
    return this.#count;
  }

  create(byteLength: number): Segment {
    const reusable = this.#free.findIndex((segment) => segment.byteLength === byteLength);
    let segment: Segment;
    if (reusable >= 0) {
      segment = this.#free.splice(reusable, 1)[0]!;
    } else {
      const id = this.#freeIds.pop() ?? this.segments.length;
      if (id >= SEGMENTS_MAX) {
        throw new InternalError(`the encoded tier needs more than ${SEGMENTS_MAX} segments: lower encodedBytesMax`);
      }
      segment = new Segment(id, byteLength);
    }
    segment.generation = ++this.#generation;
    this.segments[segment.id] = segment;
    this.#bytes += byteLength;
    this.#count++;
    return segment;
  }

  /** Gives back a segment that has no live entries any more. */
  release(segment: Segment): void {
    this.#bytes -= segment.byteLength;
    this.#count--;
    if (!segment.isRetained) return this.#recycle(segment);
    this.#zombies.add(segment);
    this.#zombieBytes += segment.byteLength;
  }

  /** The snapshot needs the bytes of a segment no longer. */
  pass(segment: Segment): void {
    segment.isRetained = false;
    segment.isWaiting = false;
    segment.cutAt = 0;
    segment.late = undefined;
    if (!this.#zombies.delete(segment)) return;
    this.#zombieBytes -= segment.byteLength;
    this.#recycle(segment);
  }

  /** Calls `visit` for segments with live entries. */
  forEach(visit: (segment: Segment) => void): void {
    for (let id = 1; id < this.segments.length; id++) {
      const segment = this.segments[id];
      if (segment !== undefined && segment.liveBytes > 0) visit(segment);
    }
  }

  #recycle(segment: Segment): void {
    this.segments[segment.id] = undefined;
    if (segment.byteLength === this.#fullBytes && this.#free.length < FREE_SEGMENTS_MAX) {
      segment.used = 0;
      segment.liveBytes = 0;
      segment.dirtyEpoch = 0;
      segment.isSealed = false;
      this.#free.push(segment);
    } else {
      this.#freeIds.push(segment.id);
    }
  }
}
