import type { Key } from './key.ts';

/** Binary heap of (timestamp, key), earliest first; equal timestamps come out as they came in. */
export class TimeHeap {
  readonly #times: number[] = [];
  readonly #sequences: number[] = [];
  readonly #keys: Key[] = [];
  #nextSequence = 0;

  get size(): number {
    return this.#times.length;
  }

  /** Infinity when empty. */
  get firstMs(): number {
    return this.#times.length === 0 ? Infinity : this.#times[0]!;
  }

  push(timestampMs: number, key: Key): void {
    const sequence = this.#nextSequence++;
    let at = this.#times.length;
    this.#times.push(timestampMs);
    this.#sequences.push(sequence);
    this.#keys.push(key);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#times[parent]! <= timestampMs) break;
      this.#copy(parent, at);
      at = parent;
    }
    this.#put(at, timestampMs, sequence, key);
  }

  /** Removes the first entry and returns its key. There must be one. */
  shift(): Key {
    const first = this.#keys[0]!;
    const timestampMs = this.#times.pop()!;
    const sequence = this.#sequences.pop()!;
    const key = this.#keys.pop()!;
    const size = this.#times.length;
    if (size === 0) {
      this.#nextSequence = 0;
      return first;
    }
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(child + 1, child)) child++;
      const isBelow =
        this.#times[child]! < timestampMs ||
        (this.#times[child]! === timestampMs && this.#sequences[child]! < sequence);
      if (!isBelow) break;
      this.#copy(child, at);
      at = child;
    }
    this.#put(at, timestampMs, sequence, key);
    return first;
  }

  /** Appends keys of entries due by `limitMs` to `keys` until it has `countMax`; in no order. */
  collect(limitMs: number, countMax: number, keys: Key[]): void {
    for (let i = 0; i < this.#times.length && keys.length < countMax; i++) {
      if (this.#times[i]! <= limitMs) keys.push(this.#keys[i]!);
    }
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!;
    return difference < 0 || (difference === 0 && this.#sequences[a]! < this.#sequences[b]!);
  }

  #copy(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#sequences[from]!, this.#keys[from]!);
  }

  #put(at: number, timestampMs: number, sequence: number, key: Key): void {
    this.#times[at] = timestampMs;
    this.#sequences[at] = sequence;
    this.#keys[at] = key;
  }
}
