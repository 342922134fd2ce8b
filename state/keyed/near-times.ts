import type { Page } from './page.ts';

/** How far ahead of time a page is held by itself: one that stays decoded that long is the exception. */
const HORIZON_MS = 1 << 17;
/** Empty buckets kept to be filled again. */
const FREE_BUCKETS_MAX = 2;

/** Pages to look at in one span of time, in the order they were added. */
export class NearBucket {
  /** Longer than `count` when the bucket held more before. */
  readonly pages: Page[] = [];
  readonly times: number[] = [];
  count = 0;
  firstMs = Infinity;

  add(timestampMs: number, page: Page): void {
    const at = this.count++;
    if (at === this.pages.length) {
      this.pages.push(page);
      this.times.push(timestampMs);
    } else {
      this.pages[at] = page;
      this.times[at] = timestampMs;
    }
    if (timestampMs < this.firstMs) this.firstMs = timestampMs;
  }

  clear(): void {
    this.count = 0;
    this.firstMs = Infinity;
  }
}

/**
 * The part of a time index that holds decoded pages themselves, instead of the bytes of their keys: nothing has to be looked
 * up when they are due. Whoever takes a page out of the decoded tier adds it to the index by its key; what stays behind here
 * no longer agrees with the page then.
 */
export class NearTimes {
  readonly #widthMs: number;
  readonly #buckets = new Map<number, NearBucket>();
  readonly #free: NearBucket[] = [];
  #last: NearBucket | undefined = undefined;
  #lastNumber = Number.NaN;

  constructor(widthMs: number) {
    this.#widthMs = widthMs;
  }

  /** False when the time is too far from `nowMs`. */
  add(timestampMs: number, page: Page, nowMs: number): boolean {
    if (timestampMs >= nowMs + HORIZON_MS) return false;
    const number = Math.floor(timestampMs / this.#widthMs);
    if (this.#last === undefined || number !== this.#lastNumber) {
      this.#last = this.#bucketAt(number);
      this.#lastNumber = number;
    }
    this.#last.add(timestampMs, page);
    return true;
  }

  /** Number of the first bucket; Infinity when there is none. */
  get firstNumber(): number {
    let first = Infinity;
    for (const number of this.#buckets.keys()) if (number < first) first = number;
    return first;
  }

  get firstMs(): number {
    return this.#buckets.get(this.firstNumber)?.firstMs ?? Infinity;
  }

  bucket(number: number): NearBucket | undefined {
    return this.#buckets.get(number);
  }

  /** Takes a bucket out. */
  take(number: number): NearBucket | undefined {
    const bucket = this.#buckets.get(number);
    if (bucket === undefined) return undefined;
    this.#buckets.delete(number);
    this.#last = undefined;
    return bucket;
  }

  /** Takes a bucket back that is done with. */
  recycle(bucket: NearBucket): void {
    bucket.clear();
    if (this.#free.length < FREE_BUCKETS_MAX) this.#free.push(bucket);
  }

  #bucketAt(number: number): NearBucket {
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      bucket = this.#free.pop() ?? new NearBucket();
      this.#buckets.set(number, bucket);
    }
    return bucket;
  }
}
