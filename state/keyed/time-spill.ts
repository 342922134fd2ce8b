import type { PageStore, PageWrite } from '../store/page-store.ts';
import type { SpillQueue } from './spill-queue.ts';
import type { StoreAreas } from './store-areas.ts';
import type { TimeIndex } from './time-index.ts';

/** Time indexes may take so much of the encoded tier's budget in memory; beyond, they are spilled down to the low share. */
const TIMES_SHARE = 1 / 4;
const TIMES_LOW_SHARE = 3 / 4;

/** Moves parts of time indexes to the store and back. */
export class TimeSpill {
  readonly #store: PageStore;
  readonly #areas: StoreAreas;
  readonly #spills: SpillQueue;
  readonly #bytesMax: number;

  constructor(options: {
    readonly store: PageStore;
    readonly areas: StoreAreas;
    readonly spills: SpillQueue;
    readonly encodedBytesMax: number;
  }) {
    this.#store = options.store;
    this.#areas = options.areas;
    this.#spills = options.spills;
    this.#bytesMax = options.encodedBytesMax * TIMES_SHARE;
  }

  /** Brings back spilled parts of a time index. */
  load(index: TimeIndex): Promise<void> {
    return index.load(this.#store, this.#areas);
  }

  /** Spills time indexes until they take no more than their share. */
  shrink(indexes: readonly TimeIndex[]): void {
    let bytes = 0;
    for (const index of indexes) bytes += index.byteLength;
    if (bytes <= this.#bytesMax) return;
    const batch: PageWrite[] = [];
    let excess = bytes - this.#bytesMax * TIMES_LOW_SHARE;
    for (const index of indexes) {
      if (excess > 0) excess -= index.spill(excess, batch, this.#areas);
    }
    const written = batch.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
    if (batch.length > 0) this.#spills.write(batch, written);
  }
}
