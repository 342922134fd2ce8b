import { offsetOf, type Segment, segmentIdOf } from './segment.ts';

/** References to entries of segments, with what they are sorted by. */
export class Changes {
  /** By id, as the refs name them. */
  readonly segments: readonly (Segment | undefined)[];
  refs: Int32Array = new Int32Array(1024);
  hashes: Int32Array = new Int32Array(1024);
  keyGroups: Uint16Array = new Uint16Array(1024);
  count = 0;

  constructor(segments: readonly (Segment | undefined)[]) {
    this.segments = segments;
  }

  add(ref: number): void {
    if (this.count === this.refs.length) this.#grow();
    const segment = this.segmentOf(ref);
    const offset = offsetOf(ref);
    this.refs[this.count] = ref;
    this.hashes[this.count] = segment.hashAt(offset);
    this.keyGroups[this.count] = segment.keyGroupAt(offset);
    this.count++;
  }

  segmentOf(ref: number): Segment {
    return this.segments[segmentIdOf(ref)]!;
  }

  #grow(): void {
    const { refs, hashes, keyGroups } = this;
    this.refs = new Int32Array(refs.length * 2);
    this.refs.set(refs);
    this.hashes = new Int32Array(refs.length * 2);
    this.hashes.set(hashes);
    this.keyGroups = new Uint16Array(refs.length * 2);
    this.keyGroups.set(keyGroups);
  }
}
