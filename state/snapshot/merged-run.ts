import { comparePages, type PageRun } from './page-run.ts';

/** Several runs as one; of pages with the same key that of the last run in the list wins. */
export class MergedRun implements PageRun {
  readonly #runs: readonly PageRun[];
  /** Runs with a current page, as a binary heap: first page first, among equal ones the last run first. */
  readonly #heap: number[] = [];
  /** Runs whose current page is used up and that have to move on. */
  readonly #stale: number[];
  #current: PageRun | undefined = undefined;

  constructor(runs: readonly PageRun[]) {
    this.#runs = runs;
    this.#stale = runs.map((_, index) => index);
  }

  get keyGroup(): number {
    return this.#current!.keyGroup;
  }
  get hash(): number {
    return this.#current!.hash;
  }
  get buffer(): Buffer {
    return this.#current!.buffer;
  }
  get keyOffset(): number {
    return this.#current!.keyOffset;
  }
  get keyLength(): number {
    return this.#current!.keyLength;
  }
  get pageOffset(): number {
    return this.#current!.pageOffset;
  }
  get pageLength(): number {
    return this.#current!.pageLength;
  }
  get format(): number {
    return this.#current!.format;
  }

  next(): boolean {
    while (this.#stale.length > 0) {
      const index = this.#stale[this.#stale.length - 1]!;
      if (!this.#runs[index]!.next()) return false;
      this.#stale.pop();
      this.#push(index);
    }
    if (this.#heap.length === 0) return false;
    const first = this.#pop();
    this.#stale.push(first);
    this.#current = this.#runs[first]!;
    while (this.#heap.length > 0 && comparePages(this.#runs[this.#heap[0]!]!, this.#current) === 0) {
      this.#stale.push(this.#pop());
    }
    return true;
  }

  /** Loads all runs that have to, at the same time. */
  async load(): Promise<boolean> {
    const waiting: number[] = [];
    for (const index of this.#stale.splice(0)) {
      if (this.#runs[index]!.next()) this.#push(index);
      else waiting.push(index);
    }
    const hasMore = await Promise.all(waiting.map((index) => this.#runs[index]!.load()));
    for (let i = 0; i < waiting.length; i++) if (hasMore[i]!) this.#stale.push(waiting[i]!);
    return this.#stale.length > 0 || this.#heap.length > 0;
  }

  #isBefore(a: number, b: number): boolean {
    const order = comparePages(this.#runs[a]!, this.#runs[b]!);
    return order === 0 ? a > b : order < 0;
  }

  #push(index: number): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(index);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(index, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = index;
  }

  #pop(): number {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
