import type { PageRun } from '../snapshot/page-run.ts';
import type { Changes } from './changes.ts';
import { ENTRY_HEADER_BYTES, offsetOf, type Segment } from './segment.ts';

/** Entries sorted at a time: so many, with their pages, the CPU's cache holds. */
const CHUNK_ENTRIES = 4096;
const TWO_POW_32 = 0x1_0000_0000;

/** Entries of segments in file order. The segments must stay as they are while it is read. */
export class EntriesRun implements PageRun {
  readonly #changes: Changes;
  /** Places in `#changes` by key group: those of group g are `#byGroup[starts[g] .. starts[g + 1])`. */
  readonly #byGroup: Uint32Array;
  readonly #starts: Uint32Array;
  readonly #keyGroupStart: number;
  /** Groups before it are sorted. */
  #nextGroup = 0;
  #sorted: Int32Array = new Int32Array(0);
  #at = 0;
  readonly #hasVersions: boolean;
  /** Only there so that touching has an effect. */
  touched = 0;
  keyGroup = 0;
  hash = 0;
  buffer: Buffer = Buffer.alloc(0);
  keyOffset = 0;
  keyLength = 0;
  pageOffset = 0;
  pageLength = 0;
  format = 0;

  /**
   * @param changes entries of key groups [keyGroupStart, keyGroupEnd).
   * @param hasVersions the same key may come several times: the last one added counts.
   */
  constructor(changes: Changes, keyGroupStart: number, keyGroupEnd: number, hasVersions: boolean) {
    const groups = keyGroupEnd - keyGroupStart;
    const { keyGroups, count } = changes;
    const starts = new Uint32Array(groups + 1);
    for (let i = 0; i < count; i++) starts[keyGroups[i]! - keyGroupStart + 1]!++;
    for (let g = 0; g < groups; g++) starts[g + 1]! += starts[g]!;
    const next = starts.slice();
    const byGroup = new Uint32Array(count);
    for (let i = 0; i < count; i++) byGroup[next[keyGroups[i]! - keyGroupStart]!++] = i;
    this.#hasVersions = hasVersions;
    this.#changes = changes;
    this.#byGroup = byGroup;
    this.#starts = starts;
    this.#keyGroupStart = keyGroupStart;
  }

  next(): boolean {
    while (this.#at >= this.#sorted.length) {
      if (this.#nextGroup >= this.#starts.length - 1) return false;
      this.#sortChunk();
      this.#touch();
      this.#at = 0;
    }
    const ref = this.#sorted[this.#at++]!;
    const segment = this.#changes.segmentOf(ref);
    const offset = offsetOf(ref);
    this.keyGroup = segment.keyGroupAt(offset);
    this.hash = segment.hashAt(offset);
    this.buffer = segment.buffer;
    this.keyOffset = offset + ENTRY_HEADER_BYTES;
    this.keyLength = segment.keyLengthAt(offset);
    this.pageOffset = this.keyOffset + this.keyLength;
    this.pageLength = segment.pageLengthAt(offset);
    this.format = this.pageLength > 0 ? segment.buffer[this.pageOffset]! : 0;
    return true;
  }

  load(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /**
   * Sorts the next key groups, about `CHUNK_ENTRIES`, by group, unsigned hash, key bytes. Hashes are spread evenly: dealt
   * by their share of the range to as many buckets as their group has entries, they are nearly sorted.
   */
  #sortChunk(): void {
    const { refs, hashes, keyGroups } = this.#changes;
    const starts = this.#starts;
    const from = starts[this.#nextGroup]!;
    do this.#nextGroup++;
    while (this.#nextGroup < starts.length - 1 && starts[this.#nextGroup + 1]! - from <= CHUNK_ENTRIES);
    const count = starts[this.#nextGroup]! - from;
    const places = this.#byGroup;
    const buckets = new Uint32Array(count);
    const next = new Uint32Array(count + 1);
    for (let i = 0; i < count; i++) {
      const place = places[from + i]!;
      const group = keyGroups[place]! - this.#keyGroupStart;
      const start = starts[group]!;
      const share = ((hashes[place]! >>> 0) * (starts[group + 1]! - start)) / TWO_POW_32;
      const bucket = start - from + Math.floor(share);
      buckets[i] = bucket;
      next[bucket + 1]!++;
    }
    for (let i = 1; i <= count; i++) next[i]! += next[i - 1]!;
    const order = new Uint32Array(count);
    for (let i = 0; i < count; i++) order[next[buckets[i]!]!++] = places[from + i]!;
    for (let i = 1; i < count; i++) {
      const place = order[i]!;
      let at = i;
      for (; at > 0 && this.#isAfter(order[at - 1]!, place); at--) order[at] = order[at - 1]!;
      order[at] = place;
    }
    const sorted = new Int32Array(count);
    let kept = 0;
    for (let i = 0; i < count; i++) {
      if (this.#hasVersions && i + 1 < count && !this.#isAfter(order[i + 1]!, order[i]!)) continue;
      sorted[kept++] = refs[order[i]!]!;
    }
    this.#sorted = kept < count ? sorted.subarray(0, kept) : sorted;
  }

  /** Brings the entries into the CPU's cache, many at once. */
  #touch(): void {
    let sum = 0;
    for (let i = 0; i < this.#sorted.length; i++) {
      const ref = this.#sorted[i]!;
      sum = (sum + this.#changes.segmentOf(ref).words[offsetOf(ref) >>> 2]!) | 0;
    }
    this.touched = sum;
  }

  #isAfter(a: number, b: number): boolean {
    const { refs, hashes, keyGroups } = this.#changes;
    if (keyGroups[a] !== keyGroups[b]) return keyGroups[a]! > keyGroups[b]!;
    if (hashes[a] !== hashes[b]) return hashes[a]! >>> 0 > hashes[b]! >>> 0;
    const refA = refs[a]!;
    const refB = refs[b]!;
    return (
      compareKeys(this.#changes.segmentOf(refA), offsetOf(refA), this.#changes.segmentOf(refB), offsetOf(refB)) > 0
    );
  }
}

function compareKeys(a: Segment, offsetA: number, b: Segment, offsetB: number): number {
  const startA = offsetA + ENTRY_HEADER_BYTES;
  const startB = offsetB + ENTRY_HEADER_BYTES;
  const endA = startA + a.keyLengthAt(offsetA);
  const endB = startB + b.keyLengthAt(offsetB);
  return a.buffer.compare(b.buffer, startB, endB, startA, endA);
}
