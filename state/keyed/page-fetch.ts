import type { PageStore } from '../store/page-store.ts';
import type { EncodedTier } from './encoded-tier.ts';
import type { LazyRestore } from './lazy-restore.ts';
import { Prefetch, type PrefetchOptions } from './prefetch.ts';
import type { Page } from './page.ts';
import { ENTRY_IN_CHECKPOINT, ENTRY_STORE_CURRENT } from './segment.ts';
import { STORE_VALUE_HEADER_BYTES, type StoreAreas } from './store-areas.ts';

export interface PageFetchOptions extends PrefetchOptions {
  /** Brings the encoded tier back into its budget. */
  readonly shrink: () => void;
}

/** Brings pages that are not in memory into the encoded tier: from the store, or from the files that state is restored from. */
export class PageFetch {
  readonly prefetch: Prefetch;
  /** Set while some of the state is in the files of a checkpoint only. */
  restore: LazyRestore | undefined = undefined;
  readonly #encoded: EncodedTier;
  readonly #areas: StoreAreas;
  readonly #store: PageStore;
  readonly #maxParallelism: number;
  readonly #shrink: () => void;
  /** Pages whose bytes are in the store, and those that wait for a look-up in files. */
  #loading: Page[] = [];
  #lookUps: Page[] = [];
  /** Key groups of which all is needed: a page of them has parts. */
  #wantedGroups: number[] = [];

  constructor(options: PageFetchOptions) {
    this.prefetch = new Prefetch(options);
    this.#encoded = options.encoded;
    this.#areas = options.areas;
    this.#store = options.store;
    this.#maxParallelism = options.maxParallelism;
    this.#shrink = options.shrink;
  }

  /** Whether pages wait for `run`. */
  get isNeeded(): boolean {
    return this.#loading.length > 0 || this.#lookUps.length > 0 || this.#wantedGroups.length > 0;
  }

  /** A page that is not in the encoded tier: it is held until `run` has filled it, unless there is nothing of it anywhere. */
  miss(page: Page): void {
    if (this.restore?.isMissing(this.#keyGroupOf(page), page.hash) === true) {
      page.isHeld = true;
      this.#lookUps.push(page);
    } else if (this.#encoded.mayBeSpilled(page.hash)) {
      page.isHeld = true;
      this.#loading.push(page);
    }
  }

  /** A page was filled: what belongs to it must be there too. */
  filled(page: Page): void {
    if (!page.hasLarge || this.restore === undefined) return;
    const group = this.#keyGroupOf(page);
    if (!this.restore.isLoaded(group)) this.#wantedGroups.push(group);
  }

  /** Fills the pages that wait. */
  async run(): Promise<void> {
    while (this.isNeeded) {
      if (this.#lookUps.length > 0) await this.#lookUp();
      if (this.#loading.length > 0) await this.#load();
      const groups = this.#wantedGroups;
      this.#wantedGroups = [];
      for (const group of groups) await this.restore!.loadGroup(group);
      this.#shrink();
    }
  }

  /** The same for pages in the store, with a blocking read. */
  runBlocking(): void {
    const loading = this.#loading;
    if (loading.length === 0) return;
    this.#loading = [];
    this.#fill(loading, this.#store.getManyBlocking(this.#storeKeys(loading)));
  }

  async #load(): Promise<void> {
    const loading = this.#loading;
    this.#loading = [];
    const { prefetch } = this;
    const coming = loading.filter(({ hash }) => prefetch.isFetching(hash));
    const missing = coming.length === 0 ? loading : loading.filter(({ hash }) => !prefetch.isFetching(hash));
    if (missing.length > 0) this.#fill(missing, await this.#store.getMany(this.#storeKeys(missing)));
    for (const { hash } of coming) await prefetch.arrival(hash);
    const lost = coming.filter((page) => !this.#fillEncoded(page));
    if (lost.length > 0) this.#fill(lost, await this.#store.getMany(this.#storeKeys(lost)));
  }

  async #lookUp(): Promise<void> {
    const pages = this.#lookUps;
    this.#lookUps = [];
    await this.restore!.lookUp(pages.map((page) => ({ keyGroup: this.#keyGroupOf(page), hash: page.hash })));
    for (const page of pages) {
      if (this.#fillEncoded(page)) continue;
      // It was restored in the background meanwhile, and has gone to the store; or there is none.
      page.isHeld = this.#encoded.mayBeSpilled(page.hash);
      if (page.isHeld) this.#loading.push(page);
    }
  }

  /** Fills a page that waits for its bytes from the encoded tier; false when they are not there. */
  #fillEncoded(page: Page): boolean {
    const encoded = this.#encoded;
    encoded.image.set(page.key);
    const ref = encoded.find();
    if (ref === 0) return false;
    page.isHeld = false;
    encoded.read(ref, page, true);
    this.filled(page);
    return true;
  }

  #storeKeys(pages: readonly Page[]): Uint8Array[] {
    const { image } = this.#encoded;
    return pages.map((page) => {
      image.set(page.key);
      return this.#areas.pageKey(image.groupHash % this.#maxParallelism, page.hash, image.buffer, 0, image.length);
    });
  }

  #fill(pages: readonly Page[], values: readonly (Uint8Array | undefined)[]): void {
    const { image } = this.#encoded;
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i]!;
      const value = values[i];
      page.isHeld = false;
      if (value === undefined) continue;
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      image.set(page.key);
      const flags = ENTRY_STORE_CURRENT | (bytes[0]! & ENTRY_IN_CHECKPOINT);
      const length = bytes.length - STORE_VALUE_HEADER_BYTES;
      const keyGroup = image.groupHash % this.#maxParallelism;
      const ref = this.#encoded.add(keyGroup, bytes, STORE_VALUE_HEADER_BYTES, length, flags, bytes.readInt32LE(1));
      this.#encoded.read(ref, page, true);
      this.filled(page);
    }
  }

  #keyGroupOf(page: Page): number {
    const { image } = this.#encoded;
    image.set(page.key);
    return image.groupHash % this.#maxParallelism;
  }
}
