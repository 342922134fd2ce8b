import type { PageWrite } from '../store/page-store.ts';
import type { ChangeLog } from './change-log.ts';
import {
  ENTRY_HEADER_BYTES,
  ENTRY_IN_CHECKPOINT,
  ENTRY_IN_STORE,
  ENTRY_STORE_CURRENT,
  type Segment,
} from './segment.ts';
import { fillStoreValue, PAGE_PREFIX_BYTES, STORE_VALUE_HEADER_BYTES, type StoreAreas } from './store-areas.ts';

/** Bytes of spilled pages per batch for the store. */
const SPILL_BATCH_BYTES = 1 << 20;

/** The content of the batch that is being collected: it is handed on before the next one is begun. */
const MEMORY: Buffer = Buffer.allocUnsafeSlow(SPILL_BATCH_BYTES);

/** What goes to the store. The bytes may be reused after `onSpill` returns. */
export type OnSpill = (batch: readonly PageWrite[], bytes: number) => void;

/** Collects what is spilled and hands it on in pieces. */
export class SpillBatch {
  readonly #areas: StoreAreas;
  readonly #onSpill: OnSpill;
  #writes: PageWrite[] = [];
  #bytes = 0;

  constructor(areas: StoreAreas, onSpill: OnSpill) {
    this.#areas = areas;
    this.#onSpill = onSpill;
  }

  /**
   * Adds what the store must be told of an entry that leaves memory: its page unless the store has it.
   *
   * @param log gets it when the next checkpoint must hold it.
   * @returns whether the store has its page now.
   */
  addEntry(segment: Segment, offset: number, log: ChangeLog | undefined): boolean {
    const flags = segment.flagsAt(offset);
    if ((flags & ENTRY_STORE_CURRENT) !== 0) return true;
    const { buffer } = segment;
    const keyOffset = offset + ENTRY_HEADER_BYTES;
    const keyLength = segment.keyLengthAt(offset);
    const keyGroup = segment.keyGroupAt(offset);
    const hash = segment.hashAt(offset);
    const pageLength = segment.pageLengthAt(offset);
    const epoch = segment.epochAt(offset);
    if (pageLength > 0 || (flags & ENTRY_IN_STORE) !== 0) {
      const keyBytes = PAGE_PREFIX_BYTES + keyLength;
      const valueBytes = pageLength > 0 ? STORE_VALUE_HEADER_BYTES + pageLength : 0;
      const memory = this.#room(keyBytes + valueBytes);
      const key = memory.subarray(0, keyBytes);
      this.#areas.fillPageKey(key, keyGroup, hash, buffer, keyOffset, keyLength);
      const value = valueBytes > 0 ? memory.subarray(keyBytes) : undefined;
      if (value !== undefined) fillStoreValue(value, flags & ENTRY_IN_CHECKPOINT, epoch, buffer, keyOffset + keyLength);
      this.#writes.push({ key, value });
    }
    log?.add(segment, offset);
    return pageLength > 0;
  }

  flush(): void {
    if (this.#writes.length === 0) return;
    this.#onSpill(this.#writes, this.#bytes);
    this.#writes = [];
    this.#bytes = 0;
  }

  /** Memory for one entry; a batch that would be too large with it goes first. */
  #room(bytes: number): Buffer {
    if (this.#bytes + bytes > SPILL_BATCH_BYTES) this.flush();
    const at = this.#bytes;
    this.#bytes += bytes;
    return bytes > SPILL_BATCH_BYTES ? Buffer.allocUnsafeSlow(bytes) : MEMORY.subarray(at, at + bytes);
  }
}
