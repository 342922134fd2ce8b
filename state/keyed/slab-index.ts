const PARTITION_BITS = 8;
const PARTITIONS = 1 << PARTITION_BITS;
const INITIAL_CAPACITY = 16;

/** Whether the entry at `ref` has the key that is looked for. */
export interface EntryMatcher {
  isMatch(ref: number): boolean;
}

/**
 * Open-addressing hash index from the hash of a key to the place of its entry, in typed arrays: nothing for the garbage
 * collector. Cut into 256 partitions that grow one by one, so that no rehash is long. A pair [hash, ref] lies in one cache
 * line; ref 0 marks a free place, so refs are never 0. Hashes and refs are int32, refs positive.
 */
export class SlabIndex {
  readonly #tables: Int32Array[] = [];
  readonly #counts: Uint32Array = new Uint32Array(PARTITIONS);
  readonly #matcher: EntryMatcher;
  #size = 0;
  #capacity = 0;

  constructor(matcher: EntryMatcher) {
    this.#matcher = matcher;
    for (let i = 0; i < PARTITIONS; i++) this.#tables.push(new Int32Array(2 * INITIAL_CAPACITY));
    this.#capacity = PARTITIONS * INITIAL_CAPACITY;
  }

  get size(): number {
    return this.#size;
  }

  get byteLength(): number {
    return this.#capacity * 8;
  }

  /** The entry of the key that the matcher accepts; 0 when there is none. */
  find(hash: number): number {
    const table = this.#tables[hash >>> (32 - PARTITION_BITS)]!;
    const mask = table.length - 1;
    let at = (hash << 1) & mask;
    for (;;) {
      const ref = table[at + 1]!;
      if (ref === 0) return 0;
      if (table[at] === hash && this.#matcher.isMatch(ref)) return ref;
      at = (at + 2) & mask;
    }
  }

  /** The first entry of a key with this hash, whatever the key; 0 when there is none. */
  candidate(hash: number): number {
    const table = this.#tables[hash >>> (32 - PARTITION_BITS)]!;
    const mask = table.length - 1;
    let at = (hash << 1) & mask;
    for (;;) {
      const ref = table[at + 1]!;
      if (ref === 0 || table[at] === hash) return ref;
      at = (at + 2) & mask;
    }
  }

  /**
   * Brings the places of `hashes[0 .. count)` into the CPU's cache. The loads do not depend on each other, so that many are
   * under way at once, which those of real look-ups are not.
   */
  touch(hashes: Int32Array, count: number): number {
    const tables = this.#tables;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!;
      const table = tables[hash >>> (32 - PARTITION_BITS)]!;
      sum = (sum + table[(hash << 1) & (table.length - 1)]!) | 0;
    }
    return sum;
  }

  /** Points the key that the matcher accepts to `ref`; returns where it pointed before, or 0. */
  put(hash: number, ref: number): number {
    const partition = hash >>> (32 - PARTITION_BITS);
    const table = this.#tables[partition]!;
    const mask = table.length - 1;
    let at = (hash << 1) & mask;
    for (;;) {
      const before = table[at + 1]!;
      if (before === 0) break;
      if (table[at] === hash && this.#matcher.isMatch(before)) {
        table[at + 1] = ref;
        return before;
      }
      at = (at + 2) & mask;
    }
    table[at] = hash;
    table[at + 1] = ref;
    this.#size++;
    const count = ++this.#counts[partition]!;
    if (count * 8 > table.length * 3) this.#grow(partition);
    return 0;
  }

  /** Whether the index points to `ref`. */
  has(hash: number, ref: number): boolean {
    return this.#placeOf(hash, ref) >= 0;
  }

  /** Points what pointed to `from` to `to`. */
  move(hash: number, from: number, to: number): void {
    const at = this.#placeOf(hash, from);
    if (at >= 0) this.#tables[hash >>> (32 - PARTITION_BITS)]![at + 1] = to;
  }

  /** Removes what points to `ref`. */
  remove(hash: number, ref: number): void {
    let hole = this.#placeOf(hash, ref);
    if (hole < 0) return;
    const partition = hash >>> (32 - PARTITION_BITS);
    const table = this.#tables[partition]!;
    const mask = table.length - 1;
    // Moves later members of the run back over the hole, so that no marks of deleted entries are needed.
    let at = hole;
    for (;;) {
      at = (at + 2) & mask;
      const next = table[at + 1]!;
      if (next === 0) break;
      const home = (table[at]! << 1) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      table[hole] = table[at]!;
      table[hole + 1] = next;
      hole = at;
    }
    table[hole + 1] = 0;
    this.#size--;
    this.#counts[partition]!--;
  }

  #placeOf(hash: number, ref: number): number {
    const table = this.#tables[hash >>> (32 - PARTITION_BITS)]!;
    const mask = table.length - 1;
    let at = (hash << 1) & mask;
    for (;;) {
      const found = table[at + 1]!;
      if (found === ref) return at;
      if (found === 0) return -1;
      at = (at + 2) & mask;
    }
  }

  #grow(partition: number): void {
    const old = this.#tables[partition]!;
    const table = new Int32Array(old.length * 2);
    const mask = table.length - 1;
    for (let i = 0; i < old.length; i += 2) {
      const ref = old[i + 1]!;
      if (ref === 0) continue;
      const hash = old[i]!;
      let at = (hash << 1) & mask;
      while (table[at + 1] !== 0) at = (at + 2) & mask;
      table[at] = hash;
      table[at + 1] = ref;
    }
    this.#tables[partition] = table;
    this.#capacity += old.length / 2;
  }
}
