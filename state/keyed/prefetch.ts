import type { PageStore } from '../store/page-store.ts';
import type { EncodedTier } from './encoded-tier.ts';
import { hashOfKey } from './key-image.ts';
import type { Key } from './key.ts';
import type { PageTable } from './page-table.ts';
import { ENTRY_IN_CHECKPOINT, ENTRY_STORE_CURRENT } from './segment.ts';
import { STORE_VALUE_HEADER_BYTES, type StoreAreas } from './store-areas.ts';

export interface PrefetchOptions {
  readonly encoded: EncodedTier;
  readonly decoded: PageTable;
  readonly areas: StoreAreas;
  readonly store: PageStore;
  readonly maxParallelism: number;
}

/**
 * Fetches pages from the store into the encoded tier before they are asked for. A page that went to the store again since it
 * was asked for is not taken from what comes back: see `EncodedTier.fetching`.
 */
export class Prefetch {
  readonly #options: PrefetchOptions;
  readonly #requests: Map<number, Promise<void>> = new Map();
  #nextRequest = 1;

  constructor(options: PrefetchOptions) {
    this.#options = options;
  }

  /** Asks for the pages of `keys[from .. to)` that are in the store only. */
  request(keys: readonly Key[], from: number, to: number): void {
    const { encoded, decoded, areas, store, maxParallelism } = this.#options;
    if (!encoded.hasSpilled) return;
    const { fetching, image } = encoded;
    const id = this.#nextRequest++;
    const wanted: Key[] = [];
    const storeKeys: Uint8Array[] = [];
    let last: Key | undefined = undefined;
    for (let i = from; i < to; i++) {
      const key = keys[i]!;
      if (key === last) continue;
      last = key;
      const hash = hashOfKey(key);
      if (encoded.candidate(hash) !== 0 || fetching.has(hash) || !encoded.mayBeSpilled(hash)) continue;
      if (decoded.get(hash, key) !== undefined) continue;
      fetching.set(hash, id);
      image.set(key);
      wanted.push(key);
      storeKeys.push(areas.pageKey(image.groupHash % maxParallelism, hash, image.buffer, 0, image.length));
    }
    if (wanted.length === 0) return;
    const request = store
      .getMany(storeKeys)
      .then(
        (values) => this.#take(id, wanted, values),
        // Whoever needs the pages asks for them again, and hears of it.
        () => this.#forget(id, wanted),
      )
      .then(() => void this.#requests.delete(id));
    this.#requests.set(id, request);
  }

  /** Whether a page with this hash is on its way. */
  isFetching(hash: number): boolean {
    return this.#options.encoded.fetching.has(hash);
  }

  /** Resolves when the page with this hash has come, or is not going to. */
  async arrival(hash: number): Promise<void> {
    const id = this.#options.encoded.fetching.get(hash);
    if (id !== undefined) await this.#requests.get(id);
  }

  #take(id: number, keys: readonly Key[], values: readonly (Uint8Array | undefined)[]): void {
    const { encoded, maxParallelism } = this.#options;
    const { image, fetching } = encoded;
    for (let i = 0; i < keys.length; i++) {
      const value = values[i];
      image.set(keys[i]!);
      if (fetching.get(image.hash) !== id) continue;
      fetching.delete(image.hash);
      if (value === undefined || encoded.find() !== 0) continue;
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      const flags = ENTRY_STORE_CURRENT | (bytes[0]! & ENTRY_IN_CHECKPOINT);
      const length = bytes.length - STORE_VALUE_HEADER_BYTES;
      const keyGroup = image.groupHash % maxParallelism;
      encoded.add(keyGroup, bytes, STORE_VALUE_HEADER_BYTES, length, flags, bytes.readInt32LE(1));
    }
  }

  #forget(id: number, keys: readonly Key[]): void {
    const { fetching } = this.#options.encoded;
    for (const key of keys) {
      const hash = hashOfKey(key);
      if (fetching.get(hash) === id) fetching.delete(hash);
    }
  }
}
