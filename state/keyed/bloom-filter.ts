const BLOCK_WORDS = 16;
const BITS_PER_KEY = 12;
const INITIAL_KEYS = 4096;

/**
 * Set of key hashes that may say yes wrongly, never no. Bits of a key lie in one block of 64 bytes: one cache miss. Grows
 * by adding a filter twice as large when the last is full; a key is looked up in all of them, newest first.
 */
export class BloomFilter {
  readonly #filters: Int32Array[] = [];
  #room = 0;
  #size = 0;

  /** Number of additions that changed something. */
  get size(): number {
    return this.#size;
  }

  get byteLength(): number {
    let bytes = 0;
    for (const filter of this.#filters) bytes += filter.byteLength;
    return bytes;
  }

  add(hash: number): void {
    if (this.has(hash)) return;
    if (this.#room === 0) {
      const keys = INITIAL_KEYS << this.#filters.length;
      const blocks = Math.max(1, (keys * BITS_PER_KEY) / (BLOCK_WORDS * 32));
      this.#filters.push(new Int32Array(2 ** Math.ceil(Math.log2(blocks)) * BLOCK_WORDS));
      this.#room = keys;
    }
    const filter = this.#filters[this.#filters.length - 1]!;
    const block = (hash & (filter.length / BLOCK_WORDS - 1)) * BLOCK_WORDS;
    let bits = Math.imul(hash, 0x9e3779b1);
    for (let i = 0; i < 3; i++) {
      filter[block + ((bits >>> 28) & 15)]! |= 1 << ((bits >>> 23) & 31);
      bits = (bits << 9) | (bits >>> 23);
    }
    this.#room--;
    this.#size++;
  }

  has(hash: number): boolean {
    const filters = this.#filters;
    for (let f = filters.length - 1; f >= 0; f--) {
      if (isIn(filters[f]!, hash)) return true;
    }
    return false;
  }

  clear(): void {
    this.#filters.length = 0;
    this.#room = 0;
    this.#size = 0;
  }
}

function isIn(filter: Int32Array, hash: number): boolean {
  const block = (hash & (filter.length / BLOCK_WORDS - 1)) * BLOCK_WORDS;
  let bits = Math.imul(hash, 0x9e3779b1);
  for (let i = 0; i < 3; i++) {
    if ((filter[block + ((bits >>> 28) & 15)]! & (1 << ((bits >>> 23) & 31))) === 0) return false;
    bits = (bits << 9) | (bits >>> 23);
  }
  return true;
}
