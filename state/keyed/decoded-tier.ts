import type { Page } from './page.ts';
import { PageQueue } from './page-queue.ts';
import { PageTable } from './page-table.ts';

/**
 * Share of the tier that keys never seen before may take. Most of them are not seen again soon: leaving early, they die
 * young for the garbage collector. A key that comes back while its page is encoded goes to the main queue, and so does one
 * that has a timer soon, while there is room.
 */
const NEW_SHARE = 1 / 8;
const NEW_PAGES_MAX = 4096;

/** Beyond this share of its bounds the tier counts as full. */
const FULL_SHARE = 7 / 8;

/**
 * The decoded pages by key, bounded in pages and estimated bytes. A hit costs the map's look-up and one field; order is
 * kept by two first-in first-out queues in which a page that was used since it was queued gets another round.
 */
export class DecodedTier {
  /** Looked up directly by the cache. Never larger than the bounds plus one batch. */
  readonly pages: PageTable = new PageTable();
  readonly pagesMax: number;
  readonly #newPagesMax: number;
  readonly #bytesMax: number;
  readonly #newPages: PageQueue = new PageQueue();
  readonly #mainPages: PageQueue = new PageQueue();
  /** Pages in the main queue that have left the tier already. */
  #goneCount = 0;
  #bytes = 0;

  constructor(options: { readonly pagesMax: number; readonly bytesMax: number }) {
    this.pagesMax = options.pagesMax;
    this.#bytesMax = options.bytesMax;
    this.#newPagesMax = Math.max(1, Math.min(NEW_PAGES_MAX, Math.floor(options.pagesMax * NEW_SHARE)));
  }

  get bytes(): number {
    return this.#bytes;
  }

  addBytes(bytes: number): void {
    this.#bytes += bytes;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** A page that comes now will not stay for long. */
  get isFull(): boolean {
    return this.pages.size >= this.pagesMax * FULL_SHARE || this.#bytes >= this.#bytesMax * FULL_SHARE;
  }

  /** Queues a page that was put into `pages`. */
  queue(page: Page, isNew: boolean): void {
    page.queuedPin = page.pin;
    this.#bytes += page.byteEstimate;
    if (isNew) this.#newPages.push(page);
    else this.#pushMain(page);
  }

  /** Takes a page out that is not wanted any more. It is among the victims of a later `shrink`, to be used again. */
  drop(page: Page): void {
    this.pages.remove(page);
    this.#bytes -= page.byteEstimate;
    page.isGone = true;
    if (page.isInMainQueue) this.#goneCount++;
  }

  /**
   * Moves pages to `victims` until the bounds hold; never pages pinned by `pin` or later, nor those that are held. Those that
   * were dropped are not counted.
   */
  shrink(pin: number, victims: Page[]): void {
    // Every page is looked at twice at most: once to give it another round.
    let looksLeft = 2 * (this.#newPages.size + this.#mainPages.size);
    while (looksLeft-- > 0) {
      const isNewQueue = this.#newPages.size > this.#newPagesMax;
      const isOver = this.pages.size > this.pagesMax || this.#bytes > this.#bytesMax;
      const isSparse = this.#goneCount * 2 > this.#mainPages.size;
      if (!isNewQueue && !isOver && !isSparse) return;
      const fromNew = isNewQueue || this.#mainPages.size === 0;
      const page = (fromNew ? this.#newPages : this.#mainPages).shift();
      if (page.isGone) {
        if (page.isInMainQueue) this.#goneCount--;
        victims.push(page);
      } else if (page.pin >= pin || page.isHeld || !(isOver || fromNew)) {
        // In use now. New pages stay new, but do not hold up those behind them.
        if (fromNew && !isOver) {
          this.#newPages.push(page);
          return;
        }
        this.#pushMain(page);
      } else if (page.pin !== page.queuedPin) {
        page.queuedPin = page.pin;
        this.#pushMain(page);
      } else if (!isOver && hasNearTimer(page)) {
        this.#pushMain(page);
      } else {
        this.pages.remove(page);
        this.#bytes -= page.byteEstimate;
        victims.push(page);
      }
    }
  }

  #pushMain(page: Page): void {
    page.isInMainQueue = true;
    this.#mainPages.push(page);
  }
}

function hasNearTimer({ eventTimers, processingTimers }: Page): boolean {
  return eventTimers.isNear || processingTimers.isNear;
}
