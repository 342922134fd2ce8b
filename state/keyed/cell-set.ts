const INITIAL_CAPACITY = 1024;

/** Set of (key group, hash of a key), in typed arrays: nothing for the garbage collector. */
export class CellSet {
  #hashes: Int32Array = new Int32Array(INITIAL_CAPACITY);
  /** Key group + 1; 0 marks a free place. */
  #groups: Int32Array = new Int32Array(INITIAL_CAPACITY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(keyGroup: number, hash: number): boolean {
    return this.#groups[this.#placeOf(keyGroup, hash)] !== 0;
  }

  add(keyGroup: number, hash: number): void {
    if (this.#size * 2 >= this.#hashes.length) this.#grow();
    const at = this.#placeOf(keyGroup, hash);
    if (this.#groups[at] !== 0) return;
    this.#hashes[at] = hash;
    this.#groups[at] = keyGroup + 1;
    this.#size++;
  }

  #placeOf(keyGroup: number, hash: number): number {
    const hashes = this.#hashes;
    const groups = this.#groups;
    const mask = hashes.length - 1;
    let at = hash & mask;
    while (groups[at] !== 0 && (hashes[at] !== hash || groups[at] !== keyGroup + 1)) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const groups = this.#groups;
    this.#hashes = new Int32Array(hashes.length * 2);
    this.#groups = new Int32Array(hashes.length * 2);
    for (let i = 0; i < hashes.length; i++) {
      if (groups[i] === 0) continue;
      const at = this.#placeOf(groups[i]! - 1, hashes[i]!);
      this.#hashes[at] = hashes[i]!;
      this.#groups[at] = groups[i]!;
    }
  }
}
