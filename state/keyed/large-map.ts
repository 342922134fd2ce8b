import { hashOfKey } from './key-image.ts';
import type { Key } from './key.ts';
import type { LargeContent, PartPlace, PartStore } from './large-contents.ts';
import type { Page } from './page.ts';

/** What the page keeps of a large map. */
export interface LargeMapDirectory {
  readonly contentId: number;
  readonly bucketCount: number;
  readonly size: number;
}

interface LoadedBucket {
  entries: Map<unknown, unknown>;
  isDirty: boolean;
}

/** Buckets of one map that are decoded at a time at least. */
const LOADED_BUCKETS_MIN = 4;
/** Estimated heap bytes of an entry. */
const ENTRY_BYTES = 128;

/**
 * A map of which the page holds the number of its buckets only; the entries are in parts, dealt by the hash of their key.
 * Grows by splitting one bucket at a time (linear hashing), so that no insertion is slow. Looks like a `Map` to state handles.
 */
export class LargeMap implements LargeContent {
  readonly contentId: number;
  readonly #page: Page;
  readonly #parts: PartStore;
  readonly #place: PartPlace;
  readonly #loadedEntriesMax: number;
  readonly #loaded: Map<number, LoadedBucket> = new Map();
  #loadedEntries = 0;
  #bucketCount: number;
  #size: number;

  constructor(page: Page, parts: PartStore, stateIndex: number, directory: LargeMapDirectory) {
    this.contentId = directory.contentId;
    this.#bucketCount = directory.bucketCount;
    this.#size = directory.size;
    this.#page = page;
    this.#parts = parts;
    this.#place = { stateIndex, contentId: directory.contentId };
    this.#loadedEntriesMax = parts.loadedBytesMax / ENTRY_BYTES;
    page.hasLarge = true;
  }

  get size(): number {
    return this.#size;
  }

  get bucketCount(): number {
    return this.#bucketCount;
  }

  get(key: unknown): unknown {
    return this.#bucketOf(key).entries.get(key);
  }

  has(key: unknown): boolean {
    return this.#bucketOf(key).entries.has(key);
  }

  set(key: unknown, value: unknown): this {
    const bucket = this.#bucketOf(key);
    const sizeBefore = bucket.entries.size;
    bucket.entries.set(key, value);
    bucket.isDirty = true;
    const added = bucket.entries.size - sizeBefore;
    if (added > 0) {
      this.#size++;
      this.#count(1);
    }
    return this;
  }

  /** Splits buckets until they hold `entriesPerBucket` on average. */
  balance(entriesPerBucket: number): void {
    while (this.#size > this.#bucketCount * entriesPerBucket) this.#split();
  }

  delete(key: unknown): boolean {
    const bucket = this.#bucketOf(key);
    if (!bucket.entries.delete(key)) return false;
    bucket.isDirty = true;
    this.#size--;
    this.#count(-1);
    return true;
  }

  /** Bucket by bucket; an entry added meanwhile may be missed or come twice. */
  *entries(): Generator<[unknown, unknown]> {
    for (let i = 0; i < this.#bucketCount; i++) yield* this.#load(i).entries;
  }

  *keys(): Generator<unknown> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<unknown> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[unknown, unknown]> {
    return this.entries();
  }

  flush(): void {
    for (const [number, bucket] of this.#loaded) this.#save(number, bucket);
  }

  dispose(): void {
    for (let i = 0; i < this.#bucketCount; i++) this.#parts.write(this.#page, this.#place, i, undefined);
    this.#loaded.clear();
    this.#count(-this.#loadedEntries);
    this.#bucketCount = 1;
    this.#size = 0;
  }

  #bucketOf(key: unknown): LoadedBucket {
    return this.#load(this.#numberOf(hashOfMapKey(key)));
  }

  #numberOf(hash: number): number {
    // With 2^n <= count < 2^(n+1), buckets below count - 2^n are split already.
    const base = 2 ** Math.floor(Math.log2(this.#bucketCount));
    const wide = hash & (2 * base - 1);
    return wide < this.#bucketCount ? wide : hash & (base - 1);
  }

  #load(number: number): LoadedBucket {
    const known = this.#loaded.get(number);
    if (known !== undefined) return known;
    const content = this.#parts.read(this.#page, this.#place, number) as Map<unknown, unknown> | undefined;
    const bucket: LoadedBucket = { entries: content ?? new Map<unknown, unknown>(), isDirty: false };
    this.#keep(number, bucket);
    return bucket;
  }

  #keep(number: number, bucket: LoadedBucket): void {
    while (this.#loadedEntries > this.#loadedEntriesMax && this.#loaded.size >= LOADED_BUCKETS_MIN) {
      const [oldest] = this.#loaded.keys();
      const leaving = this.#loaded.get(oldest!)!;
      this.#save(oldest!, leaving);
      this.#loaded.delete(oldest!);
      this.#count(-leaving.entries.size);
    }
    this.#loaded.set(number, bucket);
    this.#count(bucket.entries.size);
  }

  #count(entries: number): void {
    this.#loadedEntries += entries;
    this.#parts.addBytes(this.#page, entries * ENTRY_BYTES);
  }

  #save(number: number, bucket: LoadedBucket): void {
    if (!bucket.isDirty) return;
    bucket.isDirty = false;
    this.#parts.write(this.#page, this.#place, number, bucket.entries.size === 0 ? undefined : bucket.entries);
  }

  #split(): void {
    const base = 2 ** Math.floor(Math.log2(this.#bucketCount));
    const from = this.#bucketCount - base;
    const old = this.#load(from);
    const stay = new Map<unknown, unknown>();
    const move = new Map<unknown, unknown>();
    for (const [key, value] of old.entries) {
      ((hashOfMapKey(key) & (2 * base - 1)) === from ? stay : move).set(key, value);
    }
    old.entries = stay;
    old.isDirty = true;
    this.#count(-move.size);
    this.#keep(this.#bucketCount, { entries: move, isDirty: true });
    this.#bucketCount++;
  }
}

function hashOfMapKey(key: unknown): number {
  return key === null || key === undefined ? 0 : hashOfKey(key as Key);
}
