/** Where the blocks of a state file are and what is in them, from its footer: see `state-file-format.ts`. */
export class BlockIndex {
  readonly count: number;
  readonly #footer: Buffer;
  readonly #entryBytes: number;
  /** Version 1 does not tell first hashes and timers. */
  readonly #isDetailed: boolean;

  constructor(footer: Buffer, entryBytes: number) {
    this.#footer = footer;
    this.#entryBytes = entryBytes;
    this.#isDetailed = entryBytes > 16;
    this.count = footer.length / entryBytes;
  }

  offset(i: number): number {
    return this.#footer.readUInt32LE(i * this.#entryBytes);
  }

  bodyBytes(i: number): number {
    return this.#footer.readUInt32LE(i * this.#entryBytes + 4);
  }

  firstKeyGroup(i: number): number {
    return this.#footer.readUInt16LE(i * this.#entryBytes + 8);
  }

  lastKeyGroup(i: number): number {
    return this.#footer.readUInt16LE(i * this.#entryBytes + 10);
  }

  /** The earliest event-time timer of its pages; Infinity when there is none, -Infinity when the file does not tell. */
  firstEventTimerMs(i: number): number {
    return this.#isDetailed ? this.#footer.readDoubleLE(i * this.#entryBytes + 20) : -Infinity;
  }

  firstProcessingTimerMs(i: number): number {
    return this.#isDetailed ? this.#footer.readDoubleLE(i * this.#entryBytes + 28) : -Infinity;
  }

  /** Blocks [start, end) that have pages of key groups [start, end). */
  ofKeyGroups(keyGroupStart: number, keyGroupEnd: number): { readonly start: number; readonly end: number } {
    const start = this.#firstWhere((i) => this.lastKeyGroup(i) >= keyGroupStart);
    return {
      start,
      end: Math.max(
        start,
        this.#firstWhere((i) => this.firstKeyGroup(i) >= keyGroupEnd),
      ),
    };
  }

  /** Blocks [start, end) that may have pages of a key group with this hash. */
  ofHash(keyGroup: number, hash: number): { readonly start: number; readonly end: number } {
    if (!this.#isDetailed) return this.ofKeyGroups(keyGroup, keyGroup + 1);
    const end = this.#firstWhere((i) => this.#compareFirst(i, keyGroup, hash) > 0);
    let start = this.#firstWhere((i) => this.#compareFirst(i, keyGroup, hash) >= 0);
    // Those with this hash may begin in the block before.
    if (start > 0 && this.lastKeyGroup(start - 1) >= keyGroup) start--;
    return { start, end };
  }

  #compareFirst(i: number, keyGroup: number, hash: number): number {
    const first = this.firstKeyGroup(i);
    if (first !== keyGroup) return first - keyGroup;
    return this.#footer.readUInt32LE(i * this.#entryBytes + 16) - (hash >>> 0);
  }

  /** The first block of which `isBehind`, which stays true once it is. */
  #firstWhere(isBehind: (i: number) => boolean): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBehind(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
