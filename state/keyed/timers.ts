import { UserError } from '../../engine/base/errors.ts';
import type { Key, Namespace } from './key.ts';
import type { OnTimer } from './keyed-state-backend.ts';
import type { PageCache } from './page-cache.ts';
import type { PageTimers } from './page-timers.ts';
import { NO_PAGE, type Page, type PageCursor, PENDING_KEY } from './page.ts';
import { TimeIndex } from './time-index.ts';

/** Keys looked at per run of the sweep; their pages are resident together. */
const RUN_KEYS_MAX = 1024;

/**
 * The timers of one time domain. The page holds a key's timers; the time index holds the page once, at or before its first
 * timer, and moves it on when that has fired. So a timer that is deleted, or registered behind an earlier one, costs the
 * index nothing.
 */
export class Timers {
  readonly index: TimeIndex;
  readonly #cache: PageCache;
  readonly #cursor: PageCursor;
  readonly #isEventTime: boolean;
  readonly #runKeys: Key[] = [];
  #runCount = 0;
  /** Timers registered. */
  count = 0;

  constructor(options: { readonly cache: PageCache; readonly cursor: PageCursor; readonly isEventTime: boolean }) {
    this.#cache = options.cache;
    this.#cursor = options.cursor;
    this.#isEventTime = options.isEventTime;
    this.index = new TimeIndex(options.cache.encoded.image, options.isEventTime ? 0 : 1);
    if (options.isEventTime) options.cache.eventTimes = this.index;
    else options.cache.processingTimes = this.index;
  }

  register(namespace: Namespace, timestampMs: number): void {
    const page = this.#currentPage('registered');
    if (!Number.isInteger(timestampMs)) {
      throw new UserError('USER_FUNCTION', `expected a timer at integer milliseconds, found ${timestampMs}`);
    }
    const timers = page.ownTimers(this.#isEventTime);
    if (!timers.add(namespace, timestampMs)) return;
    this.count++;
    page.isDirty = true;
    if (timestampMs < timers.indexedAtMs) this.#hold(page, timers, timestampMs);
  }

  delete(namespace: Namespace, timestampMs: number): void {
    const page = this.#currentPage('deleted');
    const timers = this.#isEventTime ? page.eventTimers : page.processingTimers;
    if (timers.count === 0 || !timers.remove(namespace, timestampMs)) return;
    this.count--;
    page.isDirty = true;
  }

  /** See `KeyedStateBackend.fireEventTimeTimers`. */
  fire(limitMs: number, countMax: number, onTimer: OnTimer): boolean | Promise<boolean> {
    let left = countMax;
    for (;;) {
      if (!this.index.collect(limitMs)) return true;
      if (left <= 0) return false;
      if (this.index.isWaiting) {
        const waitingLeft = left;
        return this.#cache.times.load(this.index).then(() => this.fire(limitMs, waitingLeft, onTimer));
      }
      const fetching = this.#prepareRun(limitMs);
      if (fetching !== undefined) {
        const before = left;
        return fetching.then(() => this.fire(limitMs, before - this.#fireRun(limitMs, before, onTimer), onTimer));
      }
      left -= this.#fireRun(limitMs, left, onTimer);
    }
  }

  /** Lets the time index hold a page at a time. */
  #hold(page: Page, timers: PageTimers, timestampMs: number): void {
    timers.indexedAtMs = timestampMs;
    const { decoded, passing } = this.#cache;
    const isToStay = page.isInMainQueue || !decoded.isFull;
    timers.isNear = isToStay && !passing.is(page) && this.index.addPage(timestampMs, page);
    if (!timers.isNear) this.index.add(timestampMs, passing.keyOf(page));
  }

  /** Chooses the entries of the next run and makes those of their pages resident that are not simply encoded. */
  #prepareRun(limitMs: number): undefined | Promise<unknown> {
    const countMax = Math.min(RUN_KEYS_MAX, this.#cache.decoded.pagesMax);
    const keys = this.#runKeys;
    keys.length = 0;
    this.index.collectLate(limitMs, countMax, keys);
    const activeCount = this.index.activeDue(limitMs, countMax);
    this.#runCount = keys.length + activeCount;
    this.#cache.lookAhead(this.index, activeCount, keys);
    return this.#cache.prepareTimers(keys);
  }

  /** Fires what the run's entries have; returns the number of timers fired, or of keys looked at in vain. */
  #fireRun(limitMs: number, countMax: number, onTimer: OnTimer): number {
    const { index } = this;
    let work = 0;
    for (let n = this.#runCount; n > 0 && work < countMax && index.next(limitMs); n--) {
      const fired = index.page === undefined ? this.#fireByKey(onTimer) : this.#fireNear(index.page, onTimer);
      work += Math.max(1, fired);
    }
    this.#cursor.page = NO_PAGE;
    this.#cache.shrinkEncoded();
    return work;
  }

  /** Fires what a page has that the index held; nothing when it belongs to another key by now. */
  #fireNear(page: Page, onTimer: OnTimer): number {
    const timers = this.#isEventTime ? page.eventTimers : page.processingTimers;
    const { timestampMs } = this.index;
    if (!timers.isNear || timers.indexedAtMs !== timestampMs) return 0;
    const fired = this.#firePage(page, timers, timestampMs, onTimer);
    this.#cache.dropEmpty(page);
    return fired;
  }

  #fireByKey(onTimer: OnTimer): number {
    const { index } = this;
    const { timestampMs } = index;
    const cache = this.#cache;
    const passing =
      index.lateKey === undefined ? cache.passing.open(index.keyBuffer, index.keyOffset, index.keyLength) : undefined;
    const page = passing ?? cache.pageOf(index.takenKey());
    const timers = this.#isEventTime ? page.eventTimers : page.processingTimers;
    // Else held elsewhere by now: an earlier timer was registered since, or the page is gone.
    const fired = timers.indexedAtMs === timestampMs ? this.#firePage(page, timers, timestampMs, onTimer) : 0;
    if (passing === undefined) cache.dropEmpty(page);
    else cache.closePassing();
    return fired;
  }

  #firePage(page: Page, timers: PageTimers, timestampMs: number, onTimer: OnTimer): number {
    const { keyBuffer, keyOffset, keyLength } = this.index;
    let fired = 0;
    this.#cache.own(page);
    timers.indexedAtMs = -Infinity;
    page.isDirty = true;
    page.isHeld = true;
    this.#cursor.page = page;
    try {
      while (timers.firstMs <= timestampMs) {
        const dueMs = timers.firstMs;
        const namespace = timers.takeFirst();
        this.count--;
        fired++;
        onTimer(dueMs, namespace);
      }
    } finally {
      page.isHeld = false;
      const nextMs = timers.firstMs;
      if (nextMs === Infinity) {
        timers.indexedAtMs = nextMs;
        timers.isNear = false;
      } else if (page.key === PENDING_KEY) {
        timers.indexedAtMs = nextMs;
        this.index.addBytes(nextMs, keyBuffer, keyOffset, keyLength);
      } else {
        this.#hold(page, timers, nextMs);
      }
    }
    return fired;
  }

  #currentPage(verb: string): Page {
    const { page } = this.#cursor;
    if (page !== NO_PAGE) return page;
    throw new UserError('JOB_DEFINITION', `a timer is ${verb} without a current key`, {
      hint: 'Keyed timers can be used while a record or a timer of a keyed operator is processed.',
    });
  }
}
