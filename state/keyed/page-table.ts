import type { Key } from './key.ts';
import type { Page } from './page.ts';

const INITIAL_CAPACITY = 64;

/**
 * Decoded pages by key. Open addressing over the hash that the encoded tier needs anyway: unlike a `Map` it makes no garbage
 * when keys come and go, and dead tables do not keep dead pages from the garbage collector.
 */
export class PageTable {
  #hashes: Int32Array = new Int32Array(INITIAL_CAPACITY);
  #pages: (Page | undefined)[] = new Array<Page | undefined>(INITIAL_CAPACITY).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(hash: number, key: Key): Page | undefined {
    const hashes = this.#hashes;
    const pages = this.#pages;
    const mask = hashes.length - 1;
    let at = hash & mask;
    for (;;) {
      const page = pages[at];
      if (page === undefined) return undefined;
      if (hashes[at] === hash && (page.key === key || isBothNaN(page.key, key))) return page;
      at = (at + 1) & mask;
    }
  }

  /** Adds a page whose key is not in the table. */
  add(page: Page): void {
    if (this.#size * 2 >= this.#hashes.length) this.#grow();
    this.#place(page);
    this.#size++;
  }

  remove(page: Page): void {
    const hashes = this.#hashes;
    const pages = this.#pages;
    const mask = hashes.length - 1;
    let hole = page.hash & mask;
    while (pages[hole] !== page) {
      if (pages[hole] === undefined) return;
      hole = (hole + 1) & mask;
    }
    // Later members of the run move back over the hole.
    let at = hole;
    for (;;) {
      at = (at + 1) & mask;
      const next = pages[at];
      if (next === undefined) break;
      const home = hashes[at]! & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      hashes[hole] = hashes[at]!;
      pages[hole] = next;
      hole = at;
    }
    pages[hole] = undefined;
    this.#size--;
  }

  forEach(visit: (page: Page) => void): void {
    for (const page of this.#pages) {
      if (page !== undefined) visit(page);
    }
  }

  #place(page: Page): void {
    const mask = this.#hashes.length - 1;
    let at = page.hash & mask;
    while (this.#pages[at] !== undefined) at = (at + 1) & mask;
    this.#hashes[at] = page.hash;
    this.#pages[at] = page;
  }

  #grow(): void {
    const old = this.#pages;
    this.#hashes = new Int32Array(old.length * 2);
    this.#pages = new Array<Page | undefined>(old.length * 2).fill(undefined);
    for (const page of old) {
      if (page !== undefined) this.#place(page);
    }
  }
}

function isBothNaN(a: Key, b: Key): boolean {
  return a !== a && b !== b;
}
