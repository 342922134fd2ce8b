/** Emptied slots at the front before they are cut off. */
const SLOTS_KEPT_MAX = 1024;

/** A queue in an array: both ends in constant time. */
export class Fifo<E> {
  #items: (E | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: E): void {
    this.#items.push(item);
  }

  peek(): E | undefined {
    return this.#items[this.#head];
  }

  shift(): E | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head > SLOTS_KEPT_MAX && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  *[Symbol.iterator](): Generator<E> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i]!;
  }
}
