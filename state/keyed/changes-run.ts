import type { PageEntry } from '../store/page-store.ts';
import type { PageRun } from '../snapshot/page-run.ts';
import type { EncodedTier } from './encoded-tier.ts';
import { ENTRY_HEADER_BYTES, offsetOf, type Segment } from './segment.ts';
import { readChange } from './store-areas.ts';

/** Entries of the encoded tier, taken at a barrier, in file order. The tier must be retained while it is read. */
export class EntriesRun implements PageRun {
  readonly #tier: EncodedTier;
  readonly #refs: Int32Array;
  /** Refs by key group: those of group g are [starts[g], starts[g + 1]). */
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

  constructor(tier: EncodedTier, refs: Int32Array, keyGroupStart: number, keyGroupEnd: number) {
    const groups = keyGroupEnd - keyGroupStart;
    const counts = new Uint32Array(groups + 1);
    for (let i = 0; i < refs.length; i++) counts[keyGroupOfRef(tier, refs[i]!) - keyGroupStart + 1]!++;
    for (let g = 0; g < groups; g++) counts[g + 1]! += counts[g]!;
    const places = counts.slice();
    const byGroup = new Int32Array(refs.length);
    for (let i = 0; i < refs.length; i++) {
      const group = keyGroupOfRef(tier, refs[i]!) - keyGroupStart;
      byGroup[places[group]!++] = refs[i]!;
    }
    this.#tier = tier;
    this.#refs = byGroup;
    this.#starts = counts;
    this.#keyGroupStart = keyGroupStart;
  }

  next(): boolean {
    while (this.#at >= this.#sorted.length) {
      this.#group++;
      if (this.#group >= this.#starts.length - 1) return false;
      const refs = this.#refs.subarray(this.#starts[this.#group]!, this.#starts[this.#group + 1]!);
      this.#sorted = sortByHash(this.#tier, refs);
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
}

function keyGroupOfRef(tier: EncodedTier, ref: number): number {
  return tier.segmentOf(ref).keyGroupAt(offsetOf(ref));
}

/** Sorts refs of one key group by unsigned hash, equal ones by key bytes. */
function sortByHash(tier: EncodedTier, refs: Int32Array): Int32Array {
  const n = refs.length;
  // Hash above, place below in one exact number: the sort runs without a comparison function.
  const order = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const hash = tier.segmentOf(refs[i]!).hashAt(offsetOf(refs[i]!)) >>> 0;
    order[i] = hash * 0x20_0000 + i;
  }
  if (n <= 0x20_0000) order.sort();
  const sorted = new Int32Array(n);
  if (n <= 0x20_0000) {
    for (let i = 0; i < n; i++) sorted[i] = refs[order[i]! % 0x20_0000]!;
    fixEqualHashes(tier, sorted);
  } else {
    sorted.set(refs);
    sorted.sort((a, b) => compareRefs(tier, a, b));
  }
  return sorted;
}

function fixEqualHashes(tier: EncodedTier, refs: Int32Array): void {
  for (let i = 1; i < refs.length; i++) {
    const ref = refs[i]!;
    let at = i;
    while (at > 0 && compareRefs(tier, refs[at - 1]!, ref) > 0) {
      refs[at] = refs[at - 1]!;
      at--;
    }
    refs[at] = ref;
  }
}

function compareRefs(tier: EncodedTier, a: number, b: number): number {
  const segmentA = tier.segmentOf(a);
  const segmentB = tier.segmentOf(b);
  const hashA = segmentA.hashAt(offsetOf(a));
  const hashB = segmentB.hashAt(offsetOf(b));
  if (hashA !== hashB) return (hashA >>> 0) - (hashB >>> 0);
  return compareKeys(segmentA, offsetOf(a), segmentB, offsetOf(b));
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
