import { ByteReader } from '../../engine/base/bytes.ts';
import type { PageRun } from '../snapshot/page-run.ts';
import type { Expiry } from './expiry.ts';
import { TAG_PART } from './key-image.ts';
import type { KeyTypes } from './key-types.ts';
import type { PageCache } from './page-cache.ts';
import { type PageHead, readPageHead } from './page-codec.ts';
import { ENTRY_HEADER_BYTES, ENTRY_IN_CHECKPOINT, offsetOf } from './segment.ts';
import type { TimeIndex } from './time-index.ts';
import type { Timers } from './timers.ts';

export interface RestoredPagesOptions {
  readonly cache: PageCache;
  readonly keyTypes: KeyTypes;
  readonly eventTimers: Timers;
  readonly processingTimers: Timers;
  readonly eventExpiry: Expiry;
  readonly processingExpiry: Expiry;
}

/** A page of a state file. */
export type StoredPage = Pick<
  PageRun,
  'keyGroup' | 'hash' | 'buffer' | 'keyOffset' | 'keyLength' | 'pageOffset' | 'pageLength' | 'format'
>;

/** Takes pages of state files over into the tiers and the time indexes. */
export class RestoredPages {
  readonly #options: RestoredPagesOptions;
  readonly #indexes: readonly TimeIndex[];
  readonly #head: PageHead = {
    eventTimerCount: 0,
    processingTimerCount: 0,
    eventIndexedAtMs: 0,
    processingIndexedAtMs: 0,
    eventExpiryAtMs: 0,
    processingExpiryAtMs: 0,
  };
  #reader: ByteReader = new ByteReader(Buffer.alloc(0));

  constructor(options: RestoredPagesOptions) {
    this.#options = options;
    const { eventTimers, processingTimers, eventExpiry, processingExpiry } = options;
    this.#indexes = [eventTimers.index, processingTimers.index, eventExpiry.index, processingExpiry.index];
  }

  /** Takes one page, unless it is a tombstone. */
  take(page: StoredPage): void {
    if (page.pageLength === 0) return;
    const { cache, keyTypes, eventTimers, processingTimers, eventExpiry, processingExpiry } = this.#options;
    const { encoded } = cache;
    const { buffer, keyOffset, keyLength, pageOffset, pageLength } = page;
    encoded.image.setBytes(buffer, keyOffset, keyLength, page.hash);
    const ref = encoded.add(page.keyGroup, buffer, pageOffset, pageLength, ENTRY_IN_CHECKPOINT, 0);
    encoded.segmentOf(ref).buffer[offsetOf(ref) + ENTRY_HEADER_BYTES + keyLength] = page.format;
    const tag = buffer[keyOffset]!;
    if (tag === TAG_PART) return;
    keyTypes.note(tag);
    cache.storedCount++;
    if (this.#reader.buffer !== buffer) this.#reader = new ByteReader(buffer);
    const reader = this.#reader;
    reader.offset = pageOffset;
    reader.end = pageOffset + pageLength;
    const head = this.#head;
    readPageHead(reader, head);
    eventTimers.count += head.eventTimerCount;
    processingTimers.count += head.processingTimerCount;
    restoreTime(eventTimers.index, head.eventIndexedAtMs, page);
    restoreTime(processingTimers.index, head.processingIndexedAtMs, page);
    restoreTime(eventExpiry.index, head.eventExpiryAtMs, page);
    restoreTime(processingExpiry.index, head.processingExpiryAtMs, page);
  }

  /** Brings memory back into its budget. */
  async settle(): Promise<void> {
    const { cache } = this.#options;
    cache.shrinkEncoded();
    cache.times.shrink(this.#indexes);
    await cache.spillsDone();
  }
}

function restoreTime(index: TimeIndex, timestampMs: number, page: StoredPage): void {
  if (timestampMs !== Infinity) index.addBytes(timestampMs, page.buffer, page.keyOffset, page.keyLength);
}
