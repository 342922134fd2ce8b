const BLOCK_WORDS = 16;
const BITS_PER_KEY = 10;

/**
 * Which hashes of keys a state file may have: says yes wrongly for about one in a hundred, never no. As it stands in the file:
 * blocks of 64 bytes, of which a key has five bits in one.
 */
export class HashFilter {
  readonly words: Int32Array;

  constructor(words: Int32Array) {
    this.words = words;
  }

  static of(hashes: Int32Array, count: number): HashFilter {
    const blocks = Math.max(1, Math.ceil((count * BITS_PER_KEY) / (BLOCK_WORDS * 32)));
    const filter = new HashFilter(new Int32Array(blocks * BLOCK_WORDS));
    for (let i = 0; i < count; i++) filter.#add(hashes[i]!);
    return filter;
  }

  mayHave(hash: number): boolean {
    const { words } = this;
    const block = this.#blockOf(hash);
    let bits = Math.imul(hash, 0x9e3779b1);
    for (let i = 0; i < 5; i++) {
      if ((words[block + ((bits >>> 5) & 15)]! & (1 << (bits & 31))) === 0) return false;
      bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca77);
    }
    return true;
  }

  #add(hash: number): void {
    const block = this.#blockOf(hash);
    let bits = Math.imul(hash, 0x9e3779b1);
    for (let i = 0; i < 5; i++) {
      this.words[block + ((bits >>> 5) & 15)]! |= 1 << (bits & 31);
      bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca77);
    }
  }

  #blockOf(hash: number): number {
    const blocks = this.words.length / BLOCK_WORDS;
    return Math.floor(((Math.imul(hash, 0xc2b2ae3d) >>> 0) * blocks) / 0x1_0000_0000) * BLOCK_WORDS;
  }
}
