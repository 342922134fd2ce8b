import type { PageStore } from '../store/page-store.ts';
import type { ChangeLog, ChangeLogOptions } from './change-log.ts';
import type { Cut } from './cut.ts';
import { DecodedTier } from './decoded-tier.ts';
import { EncodedTier } from './encoded-tier.ts';
import { hashOfBytes, hashOfKey, readKey } from './key-image.ts';
import type { Key } from './key.ts';
import { forEachLarge, type LargeContext } from './large-factory.ts';
import type { LargeContent } from './large-contents.ts';
import { InternalError } from '../../engine/base/errors.ts';
import type { PageCodec } from './page-codec.ts';
import { PageFetch } from './page-fetch.ts';
import { PageParts } from './page-parts.ts';
import { NO_PAGE, Page } from './page.ts';
import { PassingPage } from './passing-page.ts';
import type { OnSpill } from './spill-batch.ts';
import { SpillQueue } from './spill-queue.ts';
import type { StoreAreas } from './store-areas.ts';
import type { TimeIndex } from './time-index.ts';
import { TimeSpill } from './time-spill.ts';

/** What a decoded page costs on the heap: its objects, and so much per encoded byte. */
const PAGE_OVERHEAD_BYTES = 400;
const HEAP_BYTES_PER_ENCODED_BYTE = 4;

/** Pages fetched one by one between two batches before older ones are evicted. */
const SINGLE_PAGES_MAX = 64;

/** Evicted pages kept for new keys: two batches. */
const FREE_PAGES_MAX = 2048;

const NOT_A_KEY: Key = Symbol('not a key') as unknown as Key;

export interface PageCacheOptions {
  readonly codec: PageCodec;
  readonly areas: StoreAreas;
  readonly store: PageStore;
  readonly maxParallelism: number;
  readonly decodedPagesMax: number;
  readonly decodedBytesMax: number;
  readonly encodedBytesMax: number;
  readonly large: LargeContext;
  readonly log: ChangeLogOptions;
}

/** The key pages of one backend in three tiers: decoded, encoded, store. */
export class PageCache {
  readonly decoded: DecodedTier;
  readonly encoded: EncodedTier;
  readonly passing: PassingPage;
  readonly times: TimeSpill;
  readonly fetch: PageFetch;
  /** What holds pages by themselves while they are decoded. */
  eventTimes: TimeIndex | undefined = undefined;
  processingTimes: TimeIndex | undefined = undefined;
  readonly #codec: PageCodec;
  readonly #prepared: Page[] = [];
  #preparedKeys: readonly Key[] = [];
  #preparedPin = 0;
  /** Pages to use again. */
  readonly #freePages: Page[] = [];
  #emptySlots: unknown[] = [];
  #isSealed = false;
  #pin = 1;
  /**
   * Dirty pages whose pin is not above it are as the last barrier found them; -1 when all of them are encoded. Whoever is to
   * change a page raises its pin and has it encoded before: see `own`.
   */
  #cutPin = -1;
  readonly #cutPages: Page[] = [];
  readonly #spills: SpillQueue;
  /** Running average of encoded bytes of a page, for the estimate of new ones. */
  #encodedBytesAverage = 64;
  /** Keys with a stored page that is not empty, in the encoded tier or in the store. */
  storedCount = 0;
  /** Pages of keys that were not decoded, to be filled together. */
  readonly #faulted: Page[] = [];
  readonly #victims: Page[] = [];
  #hashes: Int32Array = new Int32Array(1024);
  #candidates: Int32Array = new Int32Array(1024);
  #places: Int32Array = new Int32Array(1024);
  readonly #onSpill: OnSpill = (batch, bytes) => this.#spills.write(batch, bytes);

  constructor(options: PageCacheOptions) {
    this.#codec = options.codec;
    this.#spills = new SpillQueue(options.store);
    this.decoded = new DecodedTier({ pagesMax: options.decodedPagesMax, bytesMax: options.decodedBytesMax });
    const { codec, areas, maxParallelism, encodedBytesMax, log } = options;
    this.encoded = new EncodedTier({ codec, areas, maxParallelism, bytesMax: encodedBytesMax, log });
    this.fetch = new PageFetch({
      encoded: this.encoded,
      decoded: this.decoded.pages,
      areas,
      store: options.store,
      maxParallelism,
      shrink: () => this.shrinkEncoded(),
    });
    this.passing = new PassingPage(this.encoded, codec);
    this.times = new TimeSpill({ store: options.store, areas, spills: this.#spills, encodedBytesMax });
    options.large.parts = new PageParts({
      encoded: this.encoded,
      codec,
      areas,
      store: options.store,
      maxParallelism,
      loadedBytesMax: options.decodedBytesMax / 4,
      cursor: options.large.cursor,
      keyOf: (page) => this.passing.keyOf(page),
      shrink: () => {
        this.encoded.shrink(this.#onSpill);
        this.#spills.waitBlocking();
      },
    });
  }

  /** All states are declared: pages can be made. */
  seal(): void {
    if (this.#isSealed) return;
    this.#isSealed = true;
    // The getter fixes the current format.
    void this.#codec.currentFormat;
    this.#emptySlots = this.#codec.codecs.map(() => undefined);
  }

  /** See `KeyedStateBackend.prepare`. */
  prepare(keys: readonly Key[], from: number, to: number): number | Promise<number> {
    if (!this.#isSealed) this.seal();
    const pin = ++this.#pin;
    const { pages, pagesMax, bytesMax } = this.decoded;
    const prepared = this.#prepared;
    this.#preparedKeys = keys;
    this.#preparedPin = pin;
    let lastKey: Key = NOT_A_KEY;
    let lastPage = NO_PAGE;
    let distinct = 0;
    let bytes = 0;
    let end = from;
    for (; end < to; end++) {
      const key = keys[end]!;
      if (key !== lastKey) {
        const hash = hashOfKey(key);
        let page = pages.get(hash, key);
        if (page === undefined || page.pin !== pin) {
          if (distinct >= pagesMax || (bytes > bytesMax && distinct > 0)) break;
          if (page === undefined) page = this.#fault(key, hash, pin);
          else {
            if (page.pin <= this.#cutPin) this.own(page);
            page.pin = pin;
          }
          distinct++;
          bytes += page.byteEstimate;
        }
        lastKey = key;
        lastPage = page;
      }
      prepared[end] = lastPage;
    }
    return this.#settle(pin, end, false);
  }

  /** Makes the pages of `keys` resident for the timers that may fire; a promise when they have to be fetched. */
  prepareTimers(keys: readonly Key[]): undefined | Promise<unknown> {
    const pin = this.#pinAll(keys);
    const settled = this.#settle(pin, 0, true);
    return settled === 0 ? undefined : (settled as Promise<number>);
  }

  /** Makes the pages of `keys` resident, with a blocking read when they have to be fetched. */
  prepareBlocking(keys: readonly Key[]): void {
    const pin = this.#pinAll(keys);
    this.#fillFaulted(false);
    this.#evict(pin);
    this.#spills.check();
    this.#spills.waitBlocking();
    this.fetch.runBlocking();
  }

  /** The page of the i-th key prepared; looked up again when it may have been evicted since. */
  preparedPage(index: number): Page {
    return this.#pin === this.#preparedPin ? this.#prepared[index]! : this.pageOf(this.#preparedKeys[index]!);
  }

  /** Any key's page, with a blocking read when it is not resident. */
  pageOf(key: Key): Page {
    if (!this.#isSealed) this.seal();
    const hash = hashOfKey(key);
    if (this.passing.isOf(hash, key)) return this.passing.page;
    let page = this.decoded.pages.get(hash, key);
    if (page === undefined) {
      // Whoever works with single keys only must not fill the memory: pages prepared before may be evicted then.
      const isFull = this.decoded.pages.size >= 2 * this.decoded.pagesMax + SINGLE_PAGES_MAX;
      page = this.#fault(key, hash, isFull ? ++this.#pin : this.#pin);
      this.#fillFaulted(false);
      if (isFull) this.#evict(this.#pin);
    }
    if (page.isHeld) this.fetch.runBlocking();
    if (page.isHeld) throw new InternalError('a key is asked for whose state is still to be restored');
    this.own(page);
    return page;
  }

  /**
   * Sorts the active timers by how their pages are reached: what the index holds itself and what is encoded and not decoded
   * is left out, the keys of all others are appended to `keys`.
   */
  lookAhead(index: TimeIndex, count: number, keys: Key[]): void {
    const { encoded } = this;
    this.#reserve(count);
    const hashes = this.#hashes;
    const candidates = this.#candidates;
    const places = this.#places;
    let encodedCount = 0;
    for (let i = 0; i < count; i++) {
      index.showActive(i);
      if (index.page !== undefined) continue;
      places[encodedCount] = i;
      hashes[encodedCount++] = hashOfBytes(index.keyBuffer, index.keyOffset, index.keyLength);
    }
    encoded.touchIndex(hashes, encodedCount);
    for (let i = 0; i < encodedCount; i++) candidates[i] = encoded.candidate(hashes[i]!);
    encoded.touchEntries(candidates, encodedCount);
    for (let i = 0; i < encodedCount; i++) {
      const ref = candidates[i]!;
      if (ref !== 0 && !encoded.isDecoded(ref)) continue;
      index.showActive(places[i]!);
      keys.push(readKey(index.keyBuffer, index.keyOffset, index.keyLength));
    }
  }

  /** Writes back a passing page and closes it. */
  closePassing(): void {
    const { page } = this.passing;
    if (page.isDirty) {
      if (page.hasLarge) forEachLarge(page, flushContent);
      const wasStored = page.isStored;
      this.passing.write();
      if (page.isStored !== wasStored) this.storedCount += wasStored ? -1 : 1;
    }
    this.passing.close();
  }

  /** Lets a decoded page go that has become empty, if others need its place. */
  dropEmpty(page: Page): void {
    if (page.isGone || !page.isEmpty || !this.decoded.isFull) return;
    const isKnownElsewhere = page.isStored || page.isInCheckpoint || page.encodedEpoch !== 0;
    if (isKnownElsewhere || this.encoded.mayBeSpilled(page.hash)) this.#write(page, false);
    this.decoded.drop(page);
  }

  /** Encodes every dirty decoded page, so that the encoded tier and the store hold everything. */
  encodeDirty(): void {
    this.decoded.pages.forEach((page) => {
      if (page.isDirty) this.#encode(page);
    });
  }

  /**
   * A barrier: the state as it is now is cut off for a snapshot. Until `sweep` has encoded them, decoded pages are encoded
   * when they are used again, or leave. At most one at a time; `endCut` must follow.
   */
  cut(): { readonly cut: Cut; readonly log: ChangeLog } {
    this.#cutPin = this.#pin++;
    this.decoded.pages.forEach((page) => {
      if (page.isDirty) this.#cutPages.push(page);
    });
    return this.encoded.cut();
  }

  /** Encodes up to `countMax` pages that the last barrier cut off. Returns whether there are more. */
  sweep(countMax: number): boolean {
    const pages = this.#cutPages;
    for (let left = Math.min(countMax, pages.length); left > 0; left--) {
      const page = pages.pop()!;
      if (page.isDirty && page.pin <= this.#cutPin) this.#encode(page);
    }
    this.encoded.shrink(this.#onSpill);
    if (pages.length === 0) this.#cutPin = -1;
    return pages.length > 0;
  }

  /** What the barrier cut off is read, or given up. */
  endCut(): void {
    this.#cutPages.length = 0;
    this.#cutPin = -1;
    this.encoded.endCut();
  }

  /** A decoded page is going to be changed. */
  own(page: Page): void {
    if (page.pin > this.#cutPin) return;
    if (page.isDirty) this.#encode(page);
    page.pin = this.#pin;
  }

  /** Number of keys with any state. */
  pageCount(): number {
    let count = this.storedCount;
    this.decoded.pages.forEach((page) => {
      if (!page.isDirty) return;
      if (page.isStored) count--;
      if (!page.isEmpty) count++;
    });
    return count;
  }

  /** Bytes of state that state handles added since the last look. */
  addBytes(bytes: number): void {
    this.decoded.addBytes(bytes);
  }

  shrinkEncoded(): void {
    this.encoded.shrink(this.#onSpill);
  }

  /** Resolves when everything spilled has reached the store; rejects when a write failed. */
  spillsDone(): Promise<void> {
    return this.#spills.done();
  }

  #settle(pin: number, result: number, isForTimers: boolean): number | Promise<number> {
    if (this.#faulted.length > 0) {
      this.#fillFaulted(isForTimers);
      this.#evict(pin);
    }
    this.#spills.check();
    if (this.fetch.isNeeded) return this.fetch.run().then(() => result);
    if (this.#spills.isFull) return this.#spills.done().then(() => result);
    if (this.encoded.log.isFull) return this.encoded.log.room().then(() => result);
    return result;
  }

  /** A page, still empty, for a key that is not decoded. `#fillFaulted` must follow. */
  #fault(key: Key, hash: number, pin: number): Page {
    const page = this.#freePages.pop() ?? new Page(this.#emptySlots.slice());
    page.key = key;
    page.hash = hash;
    // An integer: V8 keeps fractions in an object of their own.
    page.byteEstimate = PAGE_OVERHEAD_BYTES + Math.ceil(this.#encodedBytesAverage * HEAP_BYTES_PER_ENCODED_BYTE);
    page.pin = pin;
    this.decoded.pages.add(page);
    this.#faulted.push(page);
    return page;
  }

  /** Fills the pages of `#faulted` from their encoded form; those whose bytes are in the store go to `#loading`. */
  #fillFaulted(isForTimers: boolean): void {
    const { encoded } = this;
    const faulted = this.#faulted;
    const count = faulted.length;
    this.#touch(faulted);
    const candidates = this.#candidates;
    for (let i = 0; i < count; i++) candidates[i] = encoded.candidate(faulted[i]!.hash);
    encoded.touchEntries(candidates, count);
    for (let i = 0; i < count; i++) {
      const page = faulted[i]!;
      let ref = 0;
      if (candidates[i] !== 0) {
        encoded.image.set(page.key);
        ref = encoded.find();
      }
      if (ref !== 0) {
        encoded.read(ref, page, true);
        this.fetch.filled(page);
      } else {
        this.fetch.miss(page);
      }
      this.decoded.queue(page, isForTimers || ref === 0);
    }
    faulted.length = 0;
  }

  #evict(pin: number): void {
    const victims = this.#victims;
    this.decoded.shrink(pin, victims);
    if (victims.length > 0) {
      this.#touch(victims);
      for (const page of victims) {
        const { eventTimers, processingTimers } = page;
        if (eventTimers.isNear) this.eventTimes!.add(eventTimers.indexedAtMs, page.key);
        if (processingTimers.isNear) this.processingTimes!.add(processingTimers.indexedAtMs, page.key);
        if (page.isDirty && !page.isGone) this.#write(page, false);
        page.reset();
        if (this.#freePages.length < FREE_PAGES_MAX) this.#freePages.push(page);
      }
      victims.length = 0;
    }
    this.encoded.shrink(this.#onSpill);
  }

  /** Hot: a third less for keys in a large index (test/bench/state.bench.ts). */
  #touch(pages: readonly Page[]): void {
    const count = pages.length;
    this.#reserve(count);
    const hashes = this.#hashes;
    for (let i = 0; i < count; i++) hashes[i] = pages[i]!.hash;
    this.encoded.touchIndex(hashes, count);
  }

  #reserve(count: number): void {
    if (count <= this.#hashes.length) return;
    this.#hashes = new Int32Array(count * 2);
    this.#candidates = new Int32Array(count * 2);
    this.#places = new Int32Array(count * 2);
  }

  /** Takes the pages of `keys` into the decoded tier, some of them still empty: `#fillFaulted` must follow. */
  #pinAll(keys: readonly Key[]): number {
    if (!this.#isSealed) this.seal();
    const pin = ++this.#pin;
    const { pages } = this.decoded;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      const hash = hashOfKey(key);
      const page = pages.get(hash, key);
      if (page === undefined) this.#fault(key, hash, pin);
      else {
        this.own(page);
        page.pin = pin;
      }
    }
    return pin;
  }

  /** Encodes a dirty page that stays. */
  #encode(page: Page): void {
    const byteCount = this.#write(page, true);
    const estimate = PAGE_OVERHEAD_BYTES + byteCount * HEAP_BYTES_PER_ENCODED_BYTE;
    this.decoded.addBytes(estimate - page.byteEstimate);
    page.byteEstimate = estimate;
  }

  /** Encodes a dirty page; returns its bytes, 0 when it is empty. */
  #write(page: Page, isKept: boolean): number {
    const wasStored = page.isStored;
    let byteCount = 0;
    this.encoded.isBeforeBarrier = page.pin <= this.#cutPin;
    try {
      if (page.hasLarge) forEachLarge(page, flushContent);
      byteCount = this.encoded.write(page, isKept);
    } finally {
      this.encoded.isBeforeBarrier = false;
    }
    if (page.isStored !== wasStored) this.storedCount += wasStored ? -1 : 1;
    if (byteCount > 0) this.#encodedBytesAverage += (byteCount - this.#encodedBytesAverage) / 64;
    return byteCount;
  }
}

const flushContent = (content: LargeContent): void => content.flush();
