import type { PageEntry } from '../store/page-store.ts';
import type { PageRun } from '../snapshot/page-run.ts';
import type { Changes, EncodedTier } from './encoded-tier.ts';
import { ENTRY_HEADER_BYTES, offsetOf, type Segment } from './segment.ts';
import { readChange } from './store-areas.ts';

/** Entries of the encoded tier, taken at a barrier, in file order. The tier must be retained while it is read. */
export class EntriesRun implements PageRun {
  readonly #tier: EncodedTier;
  readonly #changes: Changes;
  /** Places in `#changes` by key group: those of group g are `#byGroup[starts[g] .. starts[g + 1])`. */
  readonly #byGroup: Uint32Array;
  readonly #starts: Uint32Array;
  readonly #keyGroupStart: number;
  #group = -1;
  #sorted: Int32Array = new Int32Array(0);
  #at = 0;
  keyGroup = 0;
  hash = 0;
  buffer: Buffer = Buffer.alloc(0);
  keyOffset = 0;
  keyLength = 0;
  pageOffset = 0;
  pageLength = 0;
  format = 0;

  constructor(tier: EncodedTier, changes: Changes, keyGroupStart: number, keyGroupEnd: number) {
    const groups = keyGroupEnd - keyGroupStart;
    const { keyGroups, count } = changes;
    const starts = new Uint32Array(groups + 1);
    for (let i = 0; i < count; i++) starts[keyGroups[i]! - keyGroupStart + 1]!++;
    for (let g = 0; g < groups; g++) starts[g + 1]! += starts[g]!;
    const next = starts.slice();
    const byGroup = new Uint32Array(count);
    for (let i = 0; i < count; i++) byGroup[next[keyGroups[i]! - keyGroupStart]!++] = i;
    this.#tier = tier;
    this.#changes = changes;
    this.#byGroup = byGroup;
    this.#starts = starts;
    this.#keyGroupStart = keyGroupStart;
  }

  next(): boolean {
    while (this.#at >= this.#sorted.length) {
      this.#group++;
      if (this.#group >= this.#starts.length - 1) return false;
      this.#sorted = this.#sort(this.#byGroup.subarray(this.#starts[this.#group]!, this.#starts[this.#group + 1]!));
      this.#tier.touchEntries(this.#sorted, this.#sorted.length);
      this.#at = 0;
    }
    const ref = this.#sorted[this.#at++]!;
    const segment = this.#tier.segmentOf(ref);
    const offset = offsetOf(ref);
    this.keyGroup = this.#keyGroupStart + this.#group;
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
   * The refs at these places by unsigned hash, equal ones by key bytes. Hashes are spread evenly: dealt by their upper bits
   * to as many buckets as there are refs, they are nearly sorted.
   */
  #sort(places: Uint32Array): Int32Array {
    const { refs, hashes } = this.#changes;
    const count = places.length;
    const shift = 32 - Math.min(20, Math.max(1, Math.ceil(Math.log2(count + 1))));
    const next = new Uint32Array(2 ** (32 - shift) + 1);
    for (let i = 0; i < count; i++) next[(hashes[places[i]!]! >>> shift) + 1]!++;
    for (let i = 1; i < next.length; i++) next[i]! += next[i - 1]!;
    const sorted = new Int32Array(count);
    const keys = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      const hash = hashes[place]! >>> 0;
      const at = next[hash >>> shift]!++;
      sorted[at] = refs[place]!;
      keys[at] = hash;
    }
    for (let i = 1; i < count; i++) {
      const hash = keys[i]!;
      const ref = sorted[i]!;
      let at = i;
      while (
        at > 0 &&
        (keys[at - 1]! > hash || (keys[at - 1] === hash && this.#compareKeys(sorted[at - 1]!, ref) > 0))
      ) {
        keys[at] = keys[at - 1]!;
        sorted[at] = sorted[at - 1]!;
        at--;
      }
      keys[at] = hash;
      sorted[at] = ref;
    }
    return sorted;
  }

  #compareKeys(a: number, b: number): number {
    return compareKeys(this.#tier.segmentOf(a), offsetOf(a), this.#tier.segmentOf(b), offsetOf(b));
  }
}

function compareKeys(a: Segment, offsetA: number, b: Segment, offsetB: number): number {
  const startA = offsetA + ENTRY_HEADER_BYTES;
  const startB = offsetB + ENTRY_HEADER_BYTES;
  const endA = startA + a.keyLengthAt(offsetA);
  const endB = startB + b.keyLengthAt(offsetB);
  return a.buffer.compare(b.buffer, startB, endB, startA, endA);
}

/** Entries read from the store per load. */
const LOAD_ENTRIES = 1000;

/** Changes of one epoch that were spilled to the store before a checkpoint took them. */
export class SpilledChangesRun implements PageRun {
  readonly #entries: AsyncIterator<PageEntry>;
  #loaded: PageEntry[] = [];
  #at = 0;
  keyGroup = 0;
  hash = 0;
  buffer: Buffer = Buffer.alloc(0);
  keyOffset = 0;
  keyLength = 0;
  pageOffset = 0;
  pageLength = 0;
  format = 0;

  constructor(entries: AsyncIterable<PageEntry>) {
    this.#entries = entries[Symbol.asyncIterator]();
  }

  next(): boolean {
    const entry = this.#loaded[this.#at];
    if (entry === undefined) return false;
    this.#at++;
    const change = readChange(entry.key, entry.value);
    this.keyGroup = change.keyGroup;
    this.hash = change.hash;
    this.keyOffset = 0;
    this.keyLength = change.key.length;
    this.pageOffset = change.key.length;
    this.pageLength = change.page?.length ?? 0;
    this.buffer = change.page === undefined ? change.key : Buffer.concat([change.key, change.page]);
    this.format = change.page?.[0] ?? 0;
    return true;
  }

  async load(): Promise<boolean> {
    const loaded: PageEntry[] = [];
    while (loaded.length < LOAD_ENTRIES) {
      const { done, value } = await this.#entries.next();
      if (done === true) break;
      loaded.push(value as PageEntry);
    }
    this.#loaded = loaded;
    this.#at = 0;
    return loaded.length > 0;
  }
}
