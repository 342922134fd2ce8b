import type { Key } from './key.ts';
import { PageTimers } from './page-timers.ts';
import { ExpiryClock } from './stamped.ts';

/**
 * Everything one operator keeps for one key, decoded. One shape for all pages: every field is set here, in this order, those
 * first that every record uses.
 * Pages are used again for other keys: their old space does not become garbage that keeps younger garbage alive.
 */
export class Page {
  key: Key = '';
  hash = 0;
  /** One slot per declared state; undefined while the state is empty. What a slot holds is the state's `SlotCodec`'s business. */
  readonly slots: unknown[];
  /** Number of the preparation that used it last. */
  pin = 0;
  /** Estimated bytes on the heap, an integer. */
  byteEstimate = 0;
  /** Differs from its encoded form. */
  isDirty = false;
  eventTimers: PageTimers = PageTimers.NONE;
  processingTimers: PageTimers = PageTimers.NONE;
  /** Where the time index will look at this page next, for what expires; Infinity: nowhere. */
  eventExpiryAtMs: number = Infinity;
  processingExpiryAtMs: number = Infinity;
  /** Must stay in the decoded tier: its bytes are still to come from the store, or its timers are firing. */
  isHeld = false;
  /** An encoded form that is not empty exists in the encoded tier or the store. */
  isStored = false;
  /** Some content of it is in parts. */
  hasLarge = false;
  /** A checkpoint file may hold a version of it. */
  isInCheckpoint = false;
  /** Epoch in which its last encoded form was written; 0 when there is none or it came from elsewhere. */
  encodedEpoch = 0;
  /** Value of `pin` when it was queued. */
  queuedPin = 0;
  isInMainQueue = false;
  /** It left the decoded tier, but not its queue. */
  isGone = false;

  constructor(slots: unknown[]) {
    this.slots = slots;
  }

  get isEmpty(): boolean {
    const slots = this.slots;
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] !== undefined) return false;
    }
    return this.eventTimers.count === 0 && this.processingTimers.count === 0;
  }

  /** Own timers, to be changed. */
  ownTimers(isEventTime: boolean): PageTimers {
    const timers = isEventTime ? this.eventTimers : this.processingTimers;
    if (timers !== PageTimers.NONE) return timers;
    const own = new PageTimers();
    if (isEventTime) this.eventTimers = own;
    else this.processingTimers = own;
    return own;
  }

  /** Makes it an empty page of no key. */
  reset(): void {
    const slots = this.slots;
    for (let i = 0; i < slots.length; i++) slots[i] = undefined;
    if (this.eventTimers !== PageTimers.NONE) this.eventTimers.clear();
    if (this.processingTimers !== PageTimers.NONE) this.processingTimers.clear();
    this.key = '';
    this.eventExpiryAtMs = Infinity;
    this.processingExpiryAtMs = Infinity;
    this.isDirty = false;
    this.isInMainQueue = false;
    this.isGone = false;
    this.isStored = false;
    this.hasLarge = false;
    this.isInCheckpoint = false;
    this.encodedEpoch = 0;
  }
}

/** Key of a page that is not in the decoded tier and whose key was not asked for yet: see `PageCache.keyOf`. */
export const PENDING_KEY: Key = Symbol('key not made yet') as unknown as Key;

/** Stands for "no current key": accesses compare with it and throw. */
export const NO_PAGE: Page = new Page([]);

/** The page that state handles and timers work on; one object per backend, shared by reference with its handles. */
export class PageCursor {
  page: Page = NO_PAGE;
  /** Bytes that state handles have added to pages since the cache last looked. */
  addedBytes = 0;
  /** The clocks of time-to-live: the watermark, and processing time. */
  readonly eventClock: ExpiryClock = new ExpiryClock();
  readonly processingClock: ExpiryClock = new ExpiryClock();
}
