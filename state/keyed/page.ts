import type { Key } from './key.ts';
import { PageTimers } from './page-timers.ts';
import { ExpiryClock } from './stamped.ts';

/**
 * Everything one operator keeps for one key, decoded. One shape for all pages: every field is set here, in this order.
 */
export class Page {
  readonly key: Key;
  readonly keyGroup: number;
  readonly hash: number;
  /** One slot per declared state; undefined while the state is empty. What a slot holds is the state's `SlotCodec`'s business. */
  readonly slots: unknown[];
  eventTimers: PageTimers = PageTimers.NONE;
  processingTimers: PageTimers = PageTimers.NONE;
  /** Where the time index will look at this page next, for what expires; Infinity: nowhere. */
  eventExpiryAtMs: number = Infinity;
  processingExpiryAtMs: number = Infinity;
  /** Differs from its encoded form. */
  isDirty = false;
  /** False once it has left the decoded tier: it must not be used any more. */
  isResident = true;
  /** Its bytes are still to come from the store. */
  isLoading = false;
  /** An encoded form that is not empty exists in the encoded tier or the store. */
  isStored = false;
  /** A checkpoint file may hold a version of it. */
  isInCheckpoint = false;
  /** Epoch in which its last encoded form was written; 0 when there is none or it came from elsewhere. */
  encodedEpoch = 0;
  /** Number of the preparation that used it last; and when it was queued. */
  pin = 0;
  queuedPin = 0;
  /** Estimated bytes on the heap. */
  byteEstimate: number;

  constructor(key: Key, keyGroup: number, hash: number, slots: unknown[], byteEstimate: number) {
    this.key = key;
    this.keyGroup = keyGroup;
    this.hash = hash;
    this.slots = slots;
    this.byteEstimate = byteEstimate;
  }

  get isEmpty(): boolean {
    const slots = this.slots;
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] !== undefined) return false;
    }
    return this.eventTimers.count === 0 && this.processingTimers.count === 0;
  }
}

/** Stands for "no current key": accesses compare with it and throw. */
export const NO_PAGE: Page = new Page('', -1, 0, [], 0);

/** The page that state handles and timers work on; one object per backend, shared by reference with its handles. */
export class PageCursor {
  page: Page = NO_PAGE;
  /** Bytes that state handles have added to pages since the cache last looked. */
  addedBytes = 0;
  /** The clocks of time-to-live: the watermark, and processing time. */
  readonly eventClock: ExpiryClock = new ExpiryClock();
  readonly processingClock: ExpiryClock = new ExpiryClock();
}
