import type { Draws } from '../world/draw.ts';
import type { TroubleRates } from '../options.ts';

/** What is wrong with a record; `good`: nothing. */
export type Trouble = 'good' | keyof TroubleRates;

/** The choices that make an extra record; passed by index so that the draws of streams and partitions do not meet. */
const SALT_KIND = 1;

/**
 * Deals the slots of one partition: regular records in their order, and between them, evenly spread, extra records whose
 * trouble is drawn by the rates. Everything about a slot is a pure function of its number.
 */
export class SlotPlan {
  readonly #extraShare: number;
  readonly #kinds: readonly Trouble[];
  readonly #bounds: readonly number[];
  readonly #draws: Draws;

  /** @param rates extra records per regular record. */
  constructor(rates: Partial<TroubleRates>, draws: Draws) {
    const kinds = Object.entries(rates).filter(([, rate]) => rate > 0);
    const total = kinds.reduce((sum, [, rate]) => sum + rate, 0);
    this.#extraShare = total / (1 + total);
    this.#kinds = kinds.map(([kind]) => kind as Trouble);
    let sum = 0;
    this.#bounds = kinds.map(([, rate]) => (sum += rate) / total);
    this.#draws = draws;
  }

  /** Extra records per slot. */
  get extraShare(): number {
    return this.#extraShare;
  }

  isExtra(slot: number): boolean {
    return Math.floor((slot + 1) * this.#extraShare) > Math.floor(slot * this.#extraShare);
  }

  /** Number of extra records before the slot: the number of the extra record when the slot holds one. */
  extraOf(slot: number): number {
    return Math.floor(slot * this.#extraShare);
  }

  /** Number of regular records before the slot: the number of the regular record when the slot holds one. */
  regularOf(slot: number): number {
    return slot - Math.floor(slot * this.#extraShare);
  }

  /** Trouble of an extra record, by a number that is unique in the stream. */
  troubleOf(extraIndex: number): Trouble {
    const unit = this.#draws.unit(SALT_KIND, extraIndex);
    let i = 0;
    while (i < this.#bounds.length - 1 && unit >= this.#bounds[i]!) i++;
    return this.#kinds[i]!;
  }
}
