import type { PageEntry, PageStore, PageStoreCapabilities, PageWrite } from './page-store.ts';
import { StateClosedError } from './state-closed-error.ts';

/** A `Map` ends at 2^24 entries and stalls when it grows; many small ones do not. */
const PARTITIONS = 64;
/** Keys are kept apart by their first bytes (operator and area), so that a range looks at its own area only. */
const PREFIX_BYTES = 3;
/** What an entry costs beyond its bytes. */
const ENTRY_BYTES = 120;

/** Pages on the heap: for tests, small jobs, and where no native code may run. Holds no more than memory. */
export class HeapPageStore implements PageStore {
  readonly capabilities: PageStoreCapabilities = { name: 'heap', isLargerThanMemory: false };
  /** Keys as Latin-1 strings: their order by code unit is that of the bytes. */
  readonly #areas: Map<string, readonly Map<string, Uint8Array>[]> = new Map();
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
      const value = this.#partitionOf(text).get(text);
      return value === undefined ? undefined : value.slice();
    });
  }

  async write(batch: readonly PageWrite[]): Promise<void> {
    this.#assertOpen();
    for (const { key, value } of batch) {
      const text = textOf(key);
      const partition = this.#partitionOf(text);
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
      const value = this.#partitionOf(text).get(text);
      if (value !== undefined) yield { key: new Uint8Array(Buffer.from(text, 'latin1')), value: new Uint8Array(value) };
    }
  }

  rangeBlocking(start: Uint8Array, end: Uint8Array, limit: number): PageEntry[] {
    this.#assertOpen();
    return this.#keysOf(start, end)
      .slice(0, limit)
      .map((text) => ({
        key: new Uint8Array(Buffer.from(text, 'latin1')),
        value: new Uint8Array(this.#partitionOf(text).get(text)!),
      }));
  }

  async deleteRange(start: Uint8Array, end: Uint8Array): Promise<void> {
    this.#assertOpen();
    for (const text of this.#keysOf(start, end)) {
      const partition = this.#partitionOf(text);
      this.#bytes -= text.length + partition.get(text)!.length + ENTRY_BYTES;
      partition.delete(text);
    }
  }

  memoryBytes(): number {
    return this.#bytes;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#areas.clear();
    this.#bytes = 0;
  }

  #keysOf(start: Uint8Array, end: Uint8Array): string[] {
    const first = textOf(start);
    const last = textOf(end);
    const found: string[] = [];
    for (const [prefix, partitions] of this.#areas) {
      if (prefix < first.slice(0, PREFIX_BYTES) || prefix >= last) continue;
      for (const partition of partitions) {
        for (const text of partition.keys()) {
          if (text >= first && text < last) found.push(text);
        }
      }
    }
    return found.sort((a, b) => (a < b ? -1 : 1));
  }

  #partitionOf(text: string): Map<string, Uint8Array> {
    const prefix = text.slice(0, PREFIX_BYTES);
    let partitions = this.#areas.get(prefix);
    if (partitions === undefined) {
      partitions = Array.from({ length: PARTITIONS }, () => new Map<string, Uint8Array>());
      this.#areas.set(prefix, partitions);
    }
    return partitions[partitionNumber(text)]!;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StateClosedError('heap page store');
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function partitionNumber(text: string): number {
  let hash = 0;
  for (let i = text.length - 1, n = Math.max(0, text.length - 8); i >= n; i--)
    hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 16)) & (PARTITIONS - 1);
}
