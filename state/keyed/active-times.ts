import { NearBucket } from './near-times.ts';
import type { Page } from './page.ts';
import { CHUNK_BYTES_MAX, TIME_ENTRY_HEADER_BYTES, type TimeChunk } from './time-bucket.ts';

const TWO_POW_32 = 0x1_0000_0000;
const NO_PAGES = new NearBucket();

/** The entries of the narrowest bucket that is being drained, in order of time; equal ones as they were added. */
export class ActiveTimes {
  #chunks: readonly TimeChunk[] = [];
  #pages: NearBucket = NO_PAGES;
  /** Entries in bytes come before pages in the numbers of `#order`. */
  #byteCount = 0;
  /** Places of entries in bytes, by number. */
  #places: Uint32Array = new Uint32Array(0);
  #times: Float64Array = new Float64Array(0);
  #order: Uint32Array = new Uint32Array(0);
  #count = 0;
  #position = 0;
  /** What `show` showed: a page, or where a key's bytes are. */
  page: Page | undefined = undefined;
  keyBuffer: Buffer = Buffer.alloc(0);
  keyOffset = 0;
  keyLength = 0;

  get isEmpty(): boolean {
    return this.#position >= this.#count;
  }

  /** Time of the next entry; Infinity when there is none. */
  get firstMs(): number {
    return this.#position < this.#count ? this.#times[this.#position]! : Infinity;
  }

  /** Number of entries due by `limitMs`, counted up to `countMax`. */
  due(limitMs: number, countMax: number): number {
    const times = this.#times;
    const from = this.#position;
    const end = Math.min(this.#count, from + countMax);
    let to = from;
    while (to < end && times[to]! <= limitMs) to++;
    return to - from;
  }

  /** Time of the i-th entry from here. */
  timeAt(i: number): number {
    return this.#times[this.#position + i]!;
  }

  /** Shows the i-th entry from here. */
  show(i: number): void {
    const number = this.#order[this.#position + i]!;
    if (number >= this.#byteCount) {
      this.page = this.#pages.pages[number - this.#byteCount];
      return;
    }
    this.page = undefined;
    const place = this.#places[number]!;
    const { buffer } = this.#chunks[Math.floor(place / CHUNK_BYTES_MAX)]!;
    const at = place % CHUNK_BYTES_MAX;
    this.keyBuffer = buffer;
    this.keyOffset = at + TIME_ENTRY_HEADER_BYTES;
    this.keyLength = buffer[at + 8]! | (buffer[at + 9]! << 8);
  }

  moveOn(): void {
    this.#position++;
  }

  /** Takes in a bucket, all of whose times are at or after `startMs`. There must be no entry left. */
  activate(chunks: readonly TimeChunk[], pages: NearBucket | undefined, startMs: number): void {
    this.#chunks = chunks;
    this.#pages = pages ?? NO_PAGES;
    this.#position = 0;
    let byteCount = 0;
    for (const { buffer, used } of chunks) {
      for (let at = 0; at < used; byteCount++) at += TIME_ENTRY_HEADER_BYTES + buffer.readUInt16LE(at + 8);
    }
    this.#byteCount = byteCount;
    this.#count = byteCount + this.#pages.count;
    this.#reserve(byteCount, this.#count);
    if (this.#fill()) return;
    // Time above, number below in one exact number: the sort runs without a comparison function, and keeps the order of equals.
    const times = this.#times;
    const order = this.#order;
    const count = this.#count;
    for (let n = 0; n < count; n++) times[n] = (times[n]! - startMs) * TWO_POW_32 + n;
    times.subarray(0, count).sort();
    for (let i = 0; i < count; i++) {
      const relativeMs = Math.floor(times[i]! / TWO_POW_32);
      order[i] = times[i]! - relativeMs * TWO_POW_32;
      times[i] = startMs + relativeMs;
    }
  }

  /** Forgets the bucket; returns the bytes of its chunks and its pages. */
  drop(): { readonly bytes: number; readonly pages: NearBucket | undefined } {
    let bytes = 0;
    for (const chunk of this.#chunks) bytes += chunk.buffer.length;
    const pages = this.#pages === NO_PAGES ? undefined : this.#pages;
    this.#chunks = [];
    this.#pages = NO_PAGES;
    this.#count = 0;
    this.#position = 0;
    return { bytes, pages };
  }

  /** Writes times and places in the order they were added; true when that is the order of time. */
  #fill(): boolean {
    const times = this.#times;
    const order = this.#order;
    const places = this.#places;
    let isSorted = true;
    let lastMs = -Infinity;
    let n = 0;
    this.#chunks.forEach(({ view, used }, number) => {
      for (let at = 0; at < used; n++) {
        const timestampMs = view.getFloat64(at, true);
        if (timestampMs < lastMs) isSorted = false;
        lastMs = timestampMs;
        times[n] = timestampMs;
        order[n] = n;
        places[n] = number * CHUNK_BYTES_MAX + at;
        at += TIME_ENTRY_HEADER_BYTES + view.getUint16(at + 8, true);
      }
    });
    const pages = this.#pages;
    for (let i = 0; i < pages.count; i++, n++) {
      const timestampMs = pages.times[i]!;
      if (timestampMs < lastMs) isSorted = false;
      lastMs = timestampMs;
      times[n] = timestampMs;
      order[n] = n;
    }
    return isSorted;
  }

  #reserve(byteCount: number, count: number): void {
    if (byteCount > this.#places.length) this.#places = new Uint32Array(byteCount * 2);
    if (count <= this.#order.length) return;
    this.#order = new Uint32Array(count * 2);
    this.#times = new Float64Array(count * 2);
  }
}
