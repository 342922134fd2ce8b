import type { LargeContent, PartPlace, PartStore } from './large-contents.ts';
import type { Page } from './page.ts';

/** What the page keeps of a large list. */
export interface LargeListDirectory {
  readonly contentId: number;
  /** Elements in each full segment. */
  readonly segmentCounts: number[];
  /** The last elements, not yet a segment. */
  readonly tail: unknown[];
}

/**
 * A list of which the page holds the last elements only; all others are in segments that never change. Adding touches no
 * segment; reading fetches them all.
 */
export class LargeList implements LargeContent {
  readonly contentId: number;
  readonly segmentCounts: number[];
  tail: unknown[];
  readonly #page: Page;
  readonly #parts: PartStore;
  readonly #place: PartPlace;

  constructor(page: Page, parts: PartStore, stateIndex: number, directory: LargeListDirectory) {
    this.contentId = directory.contentId;
    this.segmentCounts = directory.segmentCounts;
    this.tail = directory.tail;
    this.#page = page;
    this.#parts = parts;
    this.#place = { stateIndex, contentId: directory.contentId };
    page.hasLarge = true;
  }

  get length(): number {
    let length = this.tail.length;
    for (const count of this.segmentCounts) length += count;
    return length;
  }

  /** @param segmentLength elements after which the tail becomes a segment. */
  push(element: unknown, segmentLength: number): void {
    this.tail.push(element);
    if (this.tail.length < segmentLength) return;
    this.#parts.write(this.#page, this.#place, this.segmentCounts.length, this.tail);
    this.segmentCounts.push(this.tail.length);
    this.tail = [];
  }

  toArray(): unknown[] {
    const elements: unknown[] = [];
    for (const segment of this.#parts.readAll(this.#page, this.#place, this.segmentCounts.length)) {
      for (const element of segment as readonly unknown[]) elements.push(element);
    }
    for (const element of this.tail) elements.push(element);
    return elements;
  }

  replace(elements: readonly unknown[], segmentLength: number): void {
    this.dispose();
    for (const element of elements) this.push(element, segmentLength);
  }

  flush(): void {
    // Segments are written when they are full.
  }

  dispose(): void {
    for (let i = 0; i < this.segmentCounts.length; i++) this.#parts.write(this.#page, this.#place, i, undefined);
    this.segmentCounts.length = 0;
    this.tail = [];
  }
}
