import type { PageEntry, PageStore, PageStoreCapabilities, PageWrite } from './page-store.ts';
import { storeClosed } from './store-closed.ts';

/** A `Map` ends at 2^24 entries and stalls when it grows; many small ones do not. */
const PARTITIONS = 256;
/** What an entry costs beyond its bytes. */
const ENTRY_BYTES = 120;

/** Pages on the heap: for tests, small jobs, and where no native code may run. Holds no more than memory. */
export class HeapPageStore implements PageStore {
  readonly capabilities: PageStoreCapabilities = { name: 'heap', isLargerThanMemory: false };
  /** Keys as Latin-1 strings: their order by code unit is that of the bytes. */
  readonly #partitions: Map<string, Uint8Array>[] = Array.from(
    { length: PARTITIONS },
    () => new Map<string, Uint8Array>(),
  );
  #bytes = 0;
  #isClosed = false;

  // Async, so that misuse rejects instead of throwing, as with a store in another thread.
  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.getManyBlocking(keys);
  }

  getManyBlocking(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    this.#assertOpen();
    return keys.map((key) => {
      const text = textOf(key);
      const value = this.#partitions[partitionOf(text)]!.get(text);
      return value === undefined ? undefined : value.slice();
    });
  }

  async write(batch: readonly PageWrite[]): Promise<void> {
    this.#assertOpen();
    for (const { key, value } of batch) {
      const text = textOf(key);
      const partition = this.#partitions[partitionOf(text)]!;
      const before = partition.get(text);
      if (before !== undefined) this.#bytes -= text.length + before.length + ENTRY_BYTES;
      if (value === undefined) {
        partition.delete(text);
      } else {
        // A copy of its own, not `slice` of a Buffer, which would share the caller's memory.
        partition.set(text, new Uint8Array(value));
        this.#bytes += text.length + value.length + ENTRY_BYTES;
      }
    }
  }

  async *iterate(start: Uint8Array, end: Uint8Array): AsyncGenerator<PageEntry> {
    this.#assertOpen();
    for (const text of this.#keysOf(start, end)) {
      this.#assertOpen();
      const value = this.#partitions[partitionOf(text)]!.get(text);
      if (value !== undefined) yield { key: new Uint8Array(Buffer.from(text, 'latin1')), value: new Uint8Array(value) };
    }
  }

  async deleteRange(start: Uint8Array, end: Uint8Array): Promise<void> {
    this.#assertOpen();
    for (const text of this.#keysOf(start, end)) {
      const partition = this.#partitions[partitionOf(text)]!;
      this.#bytes -= text.length + partition.get(text)!.length + ENTRY_BYTES;
      partition.delete(text);
    }
  }

  memoryBytes(): number {
    return this.#bytes;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const partition of this.#partitions) partition.clear();
    this.#bytes = 0;
  }

  #keysOf(start: Uint8Array, end: Uint8Array): string[] {
    const first = textOf(start);
    const last = textOf(end);
    const found: string[] = [];
    for (const partition of this.#partitions) {
      for (const text of partition.keys()) {
        if (text >= first && text < last) found.push(text);
      }
    }
    return found.sort((a, b) => (a < b ? -1 : 1));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw storeClosed('heap');
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function partitionOf(text: string): number {
  let hash = 0;
  for (let i = text.length - 1, n = Math.max(0, text.length - 8); i >= n; i--)
    hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 16)) & (PARTITIONS - 1);
}
