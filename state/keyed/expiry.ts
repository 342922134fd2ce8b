import { readKey } from './key-image.ts';
import type { Key } from './key.ts';
import type { PageCache } from './page-cache.ts';
import type { PageCodec } from './page-codec.ts';
import type { Page } from './page.ts';
import { type ExpiryClock, UNSTAMPED_MS } from './stamped.ts';
import { TimeIndex } from './time-index.ts';
import { expirySlackMs } from './ttl-clock.ts';

/** Pages looked at per sweep at most, so that clean-up never holds up records for long. */
const SWEEP_KEYS_MAX = 1024;

/** Drops what has outlived its time-to-live without being read, in one time domain. */
export class Expiry {
  readonly index: TimeIndex;
  readonly #cache: PageCache;
  readonly #codec: PageCodec;
  readonly #clock: ExpiryClock;
  readonly #isEventTime: boolean;
  readonly #keys: Key[] = [];

  constructor(options: {
    readonly cache: PageCache;
    readonly codec: PageCodec;
    readonly clock: ExpiryClock;
    readonly isEventTime: boolean;
  }) {
    this.#cache = options.cache;
    this.#codec = options.codec;
    this.#clock = options.clock;
    this.#isEventTime = options.isEventTime;
    this.index = new TimeIndex(options.cache.encoded.image, options.isEventTime ? 2 : 3);
  }

  schedule(page: Page, timestampMs: number): void {
    if (this.#isEventTime) page.eventExpiryAtMs = timestampMs;
    else page.processingExpiryAtMs = timestampMs;
    page.isDirty = true;
    this.index.add(timestampMs, this.#cache.passing.keyOf(page));
  }

  /** Cleans up some pages that are due; a promise when they have to be fetched. */
  sweep(): undefined | Promise<void> {
    const { nowMs } = this.#clock;
    if (this.index.count === 0 || nowMs === UNSTAMPED_MS) return undefined;
    if (!this.index.collect(nowMs)) return undefined;
    // What was spilled is brought back now and looked at by a later sweep.
    if (this.index.isWaiting) return this.#cache.times.load(this.index);
    const countMax = Math.min(SWEEP_KEYS_MAX, this.#cache.decoded.pagesMax);
    const keys = this.#keys;
    keys.length = 0;
    this.index.collectLate(nowMs, countMax, keys);
    for (let i = 0, n = this.index.activeDue(nowMs, countMax); i < n; i++) {
      this.index.showActive(i);
      keys.push(readKey(this.index.keyBuffer, this.index.keyOffset, this.index.keyLength));
    }
    const fetching = this.#cache.prepareTimers(keys);
    if (fetching !== undefined) return fetching.then(() => this.#sweepRun(nowMs));
    this.#sweepRun(nowMs);
    return undefined;
  }

  #sweepRun(nowMs: number): void {
    for (let n = this.#keys.length; n > 0 && this.index.next(nowMs); n--) {
      const page = this.#cache.pageOf(this.index.takenKey());
      const scheduledMs = this.#isEventTime ? page.eventExpiryAtMs : page.processingExpiryAtMs;
      if (scheduledMs === this.index.timestampMs) this.#clean(page, nowMs);
    }
  }

  #clean(page: Page, nowMs: number): void {
    const domain = this.#isEventTime ? 'eventTime' : 'processingTime';
    let nextMs = Infinity;
    this.#codec.codecs.forEach((codec, index) => {
      const slot = page.slots[index];
      if (codec.ttl === undefined || codec.ttl.timeDomain !== domain || slot === undefined) return;
      const kept = codec.expire(slot, this.#clock);
      page.slots[index] = kept;
      if (kept === undefined) return;
      const first = codec.firstStampMs(kept);
      const { timeToLiveMs } = codec.ttl;
      nextMs = Math.min(nextMs, first + timeToLiveMs + expirySlackMs(timeToLiveMs));
    });
    page.isDirty = true;
    if (nextMs !== Infinity) {
      this.schedule(page, Math.max(Math.ceil(nextMs), nowMs + 1));
    } else if (this.#isEventTime) {
      page.eventExpiryAtMs = Infinity;
    } else {
      page.processingExpiryAtMs = Infinity;
    }
  }
}
