import type { PageWrite } from '../store/page-store.ts';

/** Bytes of spilled pages per batch for the store. */
const SPILL_BATCH_BYTES = 4 << 20;

/** What goes to the store. The bytes may be reused after `onSpill` returns. */
export type OnSpill = (batch: readonly PageWrite[], bytes: number) => void;

/** Collects what is spilled and hands it on in pieces. */
export class SpillBatch {
  readonly #onSpill: OnSpill;
  #writes: PageWrite[] = [];
  #bytes = 0;

  constructor(onSpill: OnSpill) {
    this.#onSpill = onSpill;
  }

  add(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#writes.push({ key, value });
    this.#bytes += key.length + (value?.length ?? 0);
    if (this.#bytes >= SPILL_BATCH_BYTES) this.flush();
  }

  flush(): void {
    if (this.#writes.length === 0) return;
    this.#onSpill(this.#writes, this.#bytes);
    this.#writes = [];
    this.#bytes = 0;
  }
}
