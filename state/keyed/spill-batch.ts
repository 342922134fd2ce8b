import type { PageWrite } from '../store/page-store.ts';
import type { ChangeLog } from './change-log.ts';
import {
  ENTRY_HEADER_BYTES,
  ENTRY_IN_CHECKPOINT,
  ENTRY_IN_STORE,
  ENTRY_STORE_CURRENT,
  type Segment,
} from './segment.ts';
import { storeValue, type StoreAreas } from './store-areas.ts';

/** Bytes of spilled pages per batch for the store. */
const SPILL_BATCH_BYTES = 1 << 20;

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
    const value = storeValue(flags & ENTRY_IN_CHECKPOINT, epoch, buffer, keyOffset + keyLength, pageLength);
    if (pageLength > 0) this.#add(this.#areas.pageKey(keyGroup, hash, buffer, keyOffset, keyLength), value);
    else if ((flags & ENTRY_IN_STORE) !== 0) {
      this.#add(this.#areas.pageKey(keyGroup, hash, buffer, keyOffset, keyLength), undefined);
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

  #add(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#writes.push({ key, value });
    this.#bytes += key.length + (value?.length ?? 0);
    if (this.#bytes >= SPILL_BATCH_BYTES) this.flush();
  }
}
