import { assert } from '../../../engine/base/assert.ts';

export interface ArrivalOrderOptions {
  /** When the record of a slot is logged: a pure function. */
  readonly arrivalMs: (slot: number) => number;
  /** No record moves by more than this many slots when all are sorted by arrival. */
  readonly displacementSlotsMax: number;
}

/** Slots per block at most: sorting keys hold time and slot in 53 bits. */
const BLOCK_SLOTS_MAX = 2 ** 21;
const BLOCK_SLOTS_MIN = 256;

/**
 * The endless sequence of slots 0, 1, 2, ... sorted by arrival (ties by slot), readable from any position: blocks are
 * sorted on their own; as no record moves by more than half a block, merging the upper half of one block with the lower
 * half of the next one gives the order of the whole. Keeps the last blocks, so that reading on is cheap.
 */
export class ArrivalOrder {
  readonly #arrivalMs: (slot: number) => number;
  readonly #blockSlots: number;
  readonly #halfSlots: number;
  /** Sorted blocks by block number; two of them. */
  readonly #sorted = new Map<number, SortedBlock>();
  /** The half-shifted piece that was read last: positions [#first, #end). */
  readonly #slots: Float64Array;
  readonly #arrivals: Float64Array;
  #first = 0;
  #end = 0;

  constructor(options: ArrivalOrderOptions) {
    this.#arrivalMs = options.arrivalMs;
    let blockSlots = BLOCK_SLOTS_MIN;
    while (blockSlots < 2 * options.displacementSlotsMax) blockSlots *= 2;
    assert(
      blockSlots <= BLOCK_SLOTS_MAX,
      () => `expected at most ${BLOCK_SLOTS_MAX} slots per block, found ${blockSlots}`,
    );
    this.#blockSlots = blockSlots;
    this.#halfSlots = blockSlots / 2;
    this.#slots = new Float64Array(blockSlots);
    this.#arrivals = new Float64Array(blockSlots);
  }

  /** The slot at a position of the log. */
  slotAt(position: number): number {
    if (position < this.#first || position >= this.#end) this.#load(position);
    return this.#slots[position - this.#first]!;
  }

  /** When the record at a position of the log was logged. */
  arrivalAt(position: number): number {
    if (position < this.#first || position >= this.#end) this.#load(position);
    return this.#arrivals[position - this.#first]!;
  }

  #load(position: number): void {
    const half = this.#halfSlots;
    const piece = Math.floor((position + half) / this.#blockSlots);
    this.#first = Math.max(0, piece * this.#blockSlots - half);
    this.#end = piece * this.#blockSlots + half;
    if (piece === 0) {
      const block = this.#block(0);
      for (let i = 0; i < half; i++) this.#put(i, block, i);
      return;
    }
    const low = this.#block(piece - 1);
    const high = this.#block(piece);
    let fromLow = half;
    let fromHigh = 0;
    for (let i = 0; i < this.#blockSlots; i++) {
      const takesLow =
        fromHigh === half || (fromLow < this.#blockSlots && low.arrivalMs(fromLow) <= high.arrivalMs(fromHigh));
      if (takesLow) this.#put(i, low, fromLow++);
      else this.#put(i, high, fromHigh++);
    }
  }

  #put(at: number, block: SortedBlock, index: number): void {
    this.#slots[at] = block.slot(index);
    this.#arrivals[at] = block.arrivalMs(index);
  }

  #block(blockNumber: number): SortedBlock {
    let block = this.#sorted.get(blockNumber);
    if (block !== undefined) return block;
    for (const known of this.#sorted.keys()) if (Math.abs(known - blockNumber) > 1) this.#sorted.delete(known);
    block = new SortedBlock(blockNumber * this.#blockSlots, this.#blockSlots, this.#arrivalMs);
    this.#sorted.set(blockNumber, block);
    return block;
  }
}

/** The slots [first, first + count) sorted by arrival. A key is arrival (relative) x count + slot (relative). */
class SortedBlock {
  readonly #first: number;
  readonly #count: number;
  readonly #originMs: number;
  readonly #keys: Float64Array;

  constructor(first: number, count: number, arrivalMs: (slot: number) => number) {
    this.#first = first;
    this.#count = count;
    const keys = new Float64Array(count);
    let originMs = Infinity;
    for (let i = 0; i < count; i++) {
      keys[i] = arrivalMs(first + i);
      if (keys[i]! < originMs) originMs = keys[i]!;
    }
    for (let i = 0; i < count; i++) keys[i] = (keys[i]! - originMs) * count + i;
    this.#originMs = originMs;
    this.#keys = keys.sort();
  }

  slot(index: number): number {
    return this.#first + (this.#keys[index]! % this.#count);
  }

  arrivalMs(index: number): number {
    return this.#originMs + Math.floor(this.#keys[index]! / this.#count);
  }
}
