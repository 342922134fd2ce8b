import { ByteWriter } from '../../engine/base/bytes.ts';
import { ENTRY_DEAD, SEGMENT_BYTES_MAX, type Segment } from './segment.ts';
import { SegmentPool } from './segment-pool.ts';

const SEGMENT_BYTES_MIN = 4096;
/** Below this share of live bytes among the used ones a segment is compacted rather than evicted. */
const COMPACTION_SHARE = 0.6;

/** Where entries are written: a head that is filled, and behind it the sealed segments. What has no live entry is freed. */
export class SegmentLog {
  readonly pool: SegmentPool;
  /** Writes into the head. */
  readonly writer: ByteWriter = new ByteWriter(0);
  head: Segment;
  readonly #segmentBytesMax: number;
  /** Oldest first. */
  readonly #sealed: Segment[] = [];

  /** @param bytesMax budget of all segments: their size follows it. */
  constructor(bytesMax: number) {
    const share = 2 ** Math.floor(Math.log2(Math.max(1, bytesMax / 32)));
    this.#segmentBytesMax = Math.min(SEGMENT_BYTES_MAX, Math.max(SEGMENT_BYTES_MIN, share));
    this.pool = new SegmentPool(this.#segmentBytesMax);
    this.head = undefined as never; // There is none before the first.
    this.openHead();
  }

  /** Makes an empty segment the head, with room for `total` bytes, which is at most a quarter of the largest. */
  openHead(total: number = 0): Segment {
    const old = this.head as Segment | undefined;
    // Small at first: a job of many small operators must not start with a megabyte each.
    const share = Math.max(1 << 16, 2 ** Math.floor(Math.log2(Math.max(1, this.pool.byteLength / 8))));
    const wanted = total <= share ? share : 2 ** Math.ceil(Math.log2(total));
    const head = this.pool.create(Math.min(this.#segmentBytesMax, wanted));
    this.head = head;
    this.pointWriter();
    if (old !== undefined) {
      old.isSealed = true;
      if (old.liveBytes === 0) this.#free(old);
      else this.#sealed.push(old);
    }
    return head;
  }

  /** Turns the writer to the head, after its buffer was replaced. */
  pointWriter(): void {
    this.writer.buffer = this.head.buffer;
    this.writer.view = this.head.view;
  }

  /** A segment with room for `total` bytes: the head, or one of its own for a large entry, sealed at once: see `seal`. */
  segmentFor(total: number): Segment {
    if (total > this.#segmentBytesMax / 4) {
      const own = this.pool.create((total + 7) & ~7);
      own.isSealed = true;
      return own;
    }
    if (this.head.byteLength - this.head.used < total) this.openHead(total);
    return this.head;
  }

  /** Takes in a segment of its own, once its entry is written. */
  seal(segment: Segment): void {
    this.#sealed.push(segment);
  }

  /** An entry is not wanted any more. */
  kill(segment: Segment, offset: number): void {
    segment.setFlag(offset, ENTRY_DEAD);
    segment.liveBytes -= segment.entryBytesAt(offset);
    if (segment.liveBytes === 0 && segment.isSealed) this.#free(segment);
  }

  /** The segment to make room with; undefined when there is none. */
  chooseVictim(): Segment | undefined {
    if (this.#sealed.length === 0) {
      if (this.head.used === 0) return undefined;
      this.openHead();
      // What was sealed may have had no live entry left: then it is free already.
      if (this.#sealed.length === 0) return undefined;
    }
    let emptiest = this.#sealed[0]!;
    for (const segment of this.#sealed) {
      if (segment.liveBytes * emptiest.used < emptiest.liveBytes * segment.used) emptiest = segment;
    }
    return isSparse(emptiest) ? emptiest : this.#sealed[0];
  }

  #free(segment: Segment): void {
    const at = this.#sealed.indexOf(segment);
    if (at >= 0) this.#sealed.splice(at, 1);
    this.pool.release(segment);
  }
}

/** Whether a segment is worth compacting. */
export function isSparse(segment: Segment): boolean {
  return segment.liveBytes < segment.used * COMPACTION_SHARE;
}
