const BLOCK_WORDS = 16;
const BITS_PER_KEY = 16;
const INITIAL_KEYS = 4096;

/**
 * Set of key hashes that may say yes wrongly, never no. Bits of a key lie in one block of 64 bytes: one cache miss. Grows
 * by adding a filter four times as large when the last is full; a key is looked up in all of them, newest first.
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
      const keys = INITIAL_KEYS * 4 ** this.#filters.length;
      const blocks = Math.max(1, (keys * BITS_PER_KEY) / (BLOCK_WORDS * 32));
      this.#filters.push(new Int32Array(2 ** Math.ceil(Math.log2(blocks)) * BLOCK_WORDS));
      this.#room = keys;
    }
    const filter = this.#filters[this.#filters.length - 1]!;
    const block = (hash & (filter.length / BLOCK_WORDS - 1)) * BLOCK_WORDS;
    const first = Math.imul(hash, 0x9e3779b1);
    const second = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
    setBit(filter, block, first >>> 23);
    setBit(filter, block, first >>> 14);
    setBit(filter, block, first >>> 5);
    setBit(filter, block, second >>> 23);
    setBit(filter, block, second >>> 14);
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

/** Five bits of the 512 of a block. */
function isIn(filter: Int32Array, hash: number): boolean {
  const block = (hash & (filter.length / BLOCK_WORDS - 1)) * BLOCK_WORDS;
  const first = Math.imul(hash, 0x9e3779b1);
  const second = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
  return (
    hasBit(filter, block, first >>> 23) &&
    hasBit(filter, block, first >>> 14) &&
    hasBit(filter, block, first >>> 5) &&
    hasBit(filter, block, second >>> 23) &&
    hasBit(filter, block, second >>> 14)
  );
}

/** The lower 9 bits of `place` count. */
function hasBit(filter: Int32Array, block: number, place: number): boolean {
  return (filter[block + ((place >>> 5) & 15)]! & (1 << (place & 31))) !== 0;
}

function setBit(filter: Int32Array, block: number, place: number): void {
  filter[block + ((place >>> 5) & 15)]! |= 1 << (place & 31);
}
