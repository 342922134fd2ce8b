import { assert } from '../../../engine/base/assert.ts';

/**
 * Zipf distribution over ranks 0 to count - 1: P(rank) is proportional to 1 / (rank + 1)^exponent. A draw is one look-up
 * in an alias table (Vose), whatever the count.
 */
export class Zipf {
  readonly #threshold: Float64Array;
  readonly #alias: Int32Array;

  constructor(count: number, exponent: number) {
    assert(count >= 1, () => `expected at least one rank, found ${count}`);
    this.#threshold = new Float64Array(count);
    this.#alias = new Int32Array(count);
    let total = 0;
    for (let rank = 0; rank < count; rank++) total += this.#threshold[rank] = (rank + 1) ** -exponent;
    const small: number[] = [];
    const large: number[] = [];
    for (let rank = 0; rank < count; rank++) {
      this.#threshold[rank] = (this.#threshold[rank]! * count) / total;
      (this.#threshold[rank]! < 1 ? small : large).push(rank);
    }
    while (small.length > 0 && large.length > 0) {
      const low = small.pop()!;
      const high = large.pop()!;
      this.#alias[low] = high;
      this.#threshold[high] = this.#threshold[high]! - (1 - this.#threshold[low]!);
      (this.#threshold[high]! < 1 ? small : large).push(high);
    }
    for (const rank of [...small, ...large]) this.#threshold[rank] = 1;
  }

  /** Rank for two independent uniform numbers in [0, 1). */
  rank(column: number, coin: number): number {
    const at = Math.floor(column * this.#threshold.length);
    return coin < this.#threshold[at]! ? at : this.#alias[at]!;
  }
}
