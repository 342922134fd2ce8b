import type { PageStore } from '../store/page-store.ts';
import { readKey, TAG_PART } from './key-image.ts';
import type { Key } from './key.ts';
import type { PageCache } from './page-cache.ts';
import { keyOfPageEntry, type StoreAreas } from './store-areas.ts';

/** Keys held in memory at a time, about. */
const KEYS_PER_PASS = 1 << 18;
/** Keys whose pages are resident together. */
const KEYS_PER_RUN = 1024;
const STORE_ENTRIES = 1000;

export interface KeyScanOptions {
  readonly cache: PageCache;
  readonly areas: StoreAreas;
  readonly store: PageStore;
  /** Key groups [start, end). */
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
}

/** Finds every key with a page, wherever the page is, with blocking reads. Goes by key groups, so that memory is bounded. */
export class KeyScan {
  readonly #options: KeyScanOptions;

  constructor(options: KeyScanOptions) {
    this.#options = options;
  }

  /** Calls back with keys whose pages are resident, until it is called again. What the callback changes may be stored. */
  forEachRun(visit: (keys: readonly Key[]) => void): void {
    const { cache, keyGroupStart, keyGroupEnd } = this.#options;
    cache.seal();
    cache.encodeDirty();
    const groups = keyGroupEnd - keyGroupStart;
    const step = Math.max(1, Math.floor((groups * KEYS_PER_PASS) / (cache.pageCount() + 1)));
    const runLength = Math.min(KEYS_PER_RUN, cache.decoded.pagesMax);
    for (let start = keyGroupStart; start < keyGroupEnd; start += step) {
      const keys = this.#keysOf(start, Math.min(start + step, keyGroupEnd));
      for (let from = 0; from < keys.length; from += runLength) {
        const run = keys.slice(from, from + runLength);
        cache.prepareBlocking(run);
        visit(run);
      }
    }
  }

  #keysOf(keyGroupStart: number, keyGroupEnd: number): Key[] {
    const { cache, areas, store } = this.#options;
    const { encoded } = cache;
    const keys: Key[] = [];
    encoded.forEachKey(keyGroupStart, keyGroupEnd, (buffer, offset, length) => {
      keys.push(readKey(buffer, offset, length));
    });
    if (!encoded.hasSpilled) return keys;
    const { start, end } = areas.pagesOf(keyGroupStart, keyGroupEnd);
    for (let from = start; ;) {
      const entries = store.rangeBlocking(from, end, STORE_ENTRIES);
      for (const entry of entries) {
        const { key, hash } = keyOfPageEntry(entry.key);
        // What the tier has of a key is newer, a tombstone too.
        if (key[0] === TAG_PART || encoded.findBytes(key, 0, key.length, hash) !== 0) continue;
        keys.push(readKey(key, 0, key.length));
      }
      if (entries.length < STORE_ENTRIES) return keys;
      // The smallest key behind the last one.
      from = Buffer.concat([entries.at(-1)!.key, Buffer.alloc(1)]);
    }
  }
}
