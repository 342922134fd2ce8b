/**
 * Pages in file order, one at a time: by key group, then by the hash of the key (unsigned), then by the key's bytes. Each
 * key comes once. The fields hold the current page until the next call.
 */
export interface PageRun {
  readonly keyGroup: number;
  /** Signed 32 bits; ordered as unsigned. */
  readonly hash: number;
  readonly buffer: Buffer;
  readonly keyOffset: number;
  readonly keyLength: number;
  /** Where the page starts in `buffer`; it begins with the number of its format. */
  readonly pageOffset: number;
  /** 0: a tombstone. */
  readonly pageLength: number;
  /** Number of the page's format in the list of whoever consumes the run. */
  readonly format: number;
  /** Moves to the next page that is in memory. False: `load` first. */
  next(): boolean;
  /** Brings more pages into memory; false at the end of the run. */
  load(): Promise<boolean>;
}

/** Negative, 0 or positive as the current page of `a` comes before, at, or after that of `b`. */
export function comparePages(a: PageRun, b: PageRun): number {
  if (a.keyGroup !== b.keyGroup) return a.keyGroup - b.keyGroup;
  if (a.hash !== b.hash) return (a.hash >>> 0) - (b.hash >>> 0);
  return a.buffer.compare(b.buffer, b.keyOffset, b.keyOffset + b.keyLength, a.keyOffset, a.keyOffset + a.keyLength);
}
