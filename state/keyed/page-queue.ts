import type { Page } from './page.ts';

/** First-in first-out queue of pages in a ring of growing size. */
export class PageQueue {
  #ring: (Page | undefined)[] = new Array<Page | undefined>(64).fill(undefined);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(page: Page): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = page;
    this.#size++;
  }

  /** Removes and returns the oldest page. There must be one. */
  shift(): Page {
    const page = this.#ring[this.#head]!;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    return page;
  }

  #grow(): void {
    const old = this.#ring;
    const ring = new Array<Page | undefined>(old.length * 2).fill(undefined);
    for (let i = 0; i < this.#size; i++) ring[i] = old[(this.#head + i) & (old.length - 1)];
    this.#ring = ring;
    this.#head = 0;
  }
}
