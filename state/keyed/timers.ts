import { UserError } from '../../engine/base/errors.ts';
import type { Key, Namespace } from './key.ts';
import type { OnTimer } from './keyed-state-backend.ts';
import type { PageCache } from './page-cache.ts';
import type { PageTimers } from './page-timers.ts';
import { NO_PAGE, type Page, type PageCursor } from './page.ts';
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
  /** Timers registered. */
  count = 0;

  constructor(options: { readonly cache: PageCache; readonly cursor: PageCursor; readonly isEventTime: boolean }) {
    this.#cache = options.cache;
    this.#cursor = options.cursor;
    this.#isEventTime = options.isEventTime;
    this.index = new TimeIndex(options.cache.encoded.image);
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
    if (timestampMs < timers.indexedAtMs) {
      timers.indexedAtMs = timestampMs;
      this.index.add(timestampMs, page.key);
    }
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
      if (!this.#collect(limitMs)) return true;
      if (left <= 0) return false;
      const fetching = this.#cache.prepareTimers(this.#runKeys);
      if (fetching !== undefined) return this.#fireFetched(fetching, limitMs, left, onTimer);
      left -= this.#fireRun(limitMs, left, onTimer);
    }
  }

  async #fireFetched(
    fetching: Promise<unknown>,
    limitMs: number,
    countMax: number,
    onTimer: OnTimer,
  ): Promise<boolean> {
    await fetching;
    let left = countMax - this.#fireRun(limitMs, countMax, onTimer);
    while (this.#collect(limitMs)) {
      if (left <= 0) return false;
      await this.#cache.prepareTimers(this.#runKeys);
      left -= this.#fireRun(limitMs, left, onTimer);
    }
    return true;
  }

  #collect(limitMs: number): boolean {
    const countMax = Math.min(RUN_KEYS_MAX, this.#cache.decoded.pagesMax);
    return this.index.collect(limitMs, countMax, this.#runKeys);
  }

  /** Fires what the collected keys have; returns the number of timers fired, or of keys looked at in vain. */
  #fireRun(limitMs: number, countMax: number, onTimer: OnTimer): number {
    const { index } = this;
    let work = 0;
    for (let n = this.#runKeys.length; n > 0 && work < countMax && index.next(limitMs); n--) {
      const { key, timestampMs } = index;
      const page = this.#cache.pageOf(key);
      const timers = this.#isEventTime ? page.eventTimers : page.processingTimers;
      // Held elsewhere by now: an earlier timer was registered since, or the page is gone.
      if (timers.indexedAtMs !== timestampMs) {
        work++;
        continue;
      }
      work += Math.max(1, this.#firePage(page, timers, timestampMs, onTimer));
    }
    this.#cursor.page = NO_PAGE;
    return work;
  }

  #firePage(page: Page, timers: PageTimers, timestampMs: number, onTimer: OnTimer): number {
    let fired = 0;
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
      timers.indexedAtMs = nextMs;
      if (nextMs !== Infinity) this.index.add(nextMs, page.key);
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
