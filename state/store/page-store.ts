/**
 * The narrow port to the larger-than-memory working store under the page cache. Not the durable copy: it is emptied at
 * start and refilled from checkpoint files, so it needs no snapshots, no fsync and no log.
 *
 * Keys sort by unsigned bytes. One store belongs to one worker; it is never shared. Implementations: heap, RocksDB; both
 * pass the suite in `test/conformance/page-store`.
 */
export interface PageStore {
  readonly capabilities: PageStoreCapabilities;
  /** Values in the order of `keys`; undefined where there is none. The arrays returned belong to the caller. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /** The same, stopping this thread until the answer is there. For what a batch's prefetch could not foresee. */
  getManyBlocking(keys: readonly Uint8Array[]): (Uint8Array | undefined)[];
  /**
   * Applies puts and deletes in order, as one batch. Later reads see them at once, before the promise resolves; the
   * bytes handed over may be reused by the caller as soon as the call returns.
   */
  write(batch: readonly PageWrite[]): Promise<void>;
  /** Entries with `start <= key < end` in key order. Writes made while it runs may or may not be seen. */
  iterate(start: Uint8Array, end: Uint8Array): AsyncIterable<PageEntry>;
  /** The first `limit` of these entries, stopping this thread until they are there. */
  rangeBlocking(start: Uint8Array, end: Uint8Array, limit: number): PageEntry[];
  deleteRange(start: Uint8Array, end: Uint8Array): Promise<void>;
  /** Bytes held in memory by the store itself, as far as it knows. */
  memoryBytes(): number;
  close(): Promise<void>;
}

export interface PageStoreCapabilities {
  readonly name: 'heap' | 'rocksdb';
  /** Holds more than memory. */
  readonly isLargerThanMemory: boolean;
}

/** `value` undefined deletes the key. */
export interface PageWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export interface PageEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}
