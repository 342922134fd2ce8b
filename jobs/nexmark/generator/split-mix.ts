/*
 * SplitMix64 with its 64 bits in two 32-bit halves: bigints would cost ten times as much. Seeded anew for every event, so
 * that no event depends on the ones before it.
 *
 * Source: Sebastiano Vigna, splitmix64.c (public domain).
 */
const GAMMA_HIGH = 0x9e3779b9 | 0;
const GAMMA_LOW = 0x7f4a7c15 | 0;
const FIRST_FACTOR_HIGH = 0xbf58476d | 0;
const FIRST_FACTOR_LOW = 0x1ce4e5b9 | 0;
const SECOND_FACTOR_HIGH = 0x94d049bb | 0;
const SECOND_FACTOR_LOW = 0x133111eb | 0;
const TWO_POW_32 = 0x1_0000_0000;
/** Products with 32-bit numbers stay below 2^53. */
const SMALL_BOUND = 1 << 21;

export class SplitMix {
  #high = 0;
  #low = 0;
  /** Halves of the number made last, as signed integers. */
  #outHigh = 0;
  #outLow = 0;

  /** Starts the numbers of one event: a function of `seed` and `event`, both safe integers, also below 0. */
  reseed(seed: number, event: number): void {
    const [eventLow, eventHigh] = halvesOf(event);
    // event * GAMMA + 1
    const low = multiplyLow(eventHigh, eventLow, GAMMA_HIGH, GAMMA_LOW);
    const product = low >>> 0;
    this.#mix((multiplied + (product === TWO_POW_32 - 1 ? 1 : 0)) | 0, (product + 1) | 0);
    const [seedLow, seedHigh] = halvesOf(seed);
    this.#mix(this.#outHigh ^ seedHigh, this.#outLow ^ seedLow);
    this.#high = this.#outHigh;
    this.#low = this.#outLow;
  }

  /** Uniform integer in [0, bound); `bound` below 2^40. */
  below(bound: number): number {
    this.#next();
    const high = this.#outHigh >>> 1;
    const low = ((this.#outLow >>> 1) | (this.#outHigh << 31)) >>> 0;
    if (bound <= SMALL_BOUND)
      return Math.floor((high * bound + Math.floor((low * bound) / TWO_POW_32)) / (TWO_POW_32 / 2));
    return Number((((BigInt(high) << 32n) | BigInt(low)) * BigInt(bound)) >> 63n);
  }

  /** Uniform in [0, 1), 53 random bits. */
  unit(): number {
    this.#next();
    return ((this.#outHigh >>> 0) * 0x20_0000 + (this.#outLow >>> 11)) / 0x20_0000_0000_0000;
  }

  #next(): void {
    const low = (this.#low >>> 0) + (GAMMA_LOW >>> 0);
    this.#low = low | 0;
    this.#high = (this.#high + GAMMA_HIGH + (low >= TWO_POW_32 ? 1 : 0)) | 0;
    this.#mix(this.#high, this.#low);
  }

  /** Sets the halves made last. */
  #mix(high: number, low: number): void {
    let mixedLow = low ^ ((low >>> 30) | (high << 2));
    let mixedHigh = high ^ (high >>> 30);
    mixedLow = multiplyLow(mixedHigh, mixedLow, FIRST_FACTOR_HIGH, FIRST_FACTOR_LOW);
    mixedHigh = multiplied;
    const low27 = (mixedLow >>> 27) | (mixedHigh << 5);
    mixedHigh ^= mixedHigh >>> 27;
    mixedLow = multiplyLow(mixedHigh, mixedLow ^ low27, SECOND_FACTOR_HIGH, SECOND_FACTOR_LOW);
    mixedHigh = multiplied;
    this.#outLow = mixedLow ^ ((mixedLow >>> 31) | (mixedHigh << 1));
    this.#outHigh = mixedHigh ^ (mixedHigh >>> 31);
  }
}

/** Upper half of the last product. */
let multiplied = 0;

/** Lower half of the product of two 64-bit numbers; the upper half of its 64 bits goes to `multiplied`. */
function multiplyLow(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  const a0 = aLow & 0xffff;
  const a1 = aLow >>> 16;
  const b0 = bLow & 0xffff;
  const b1 = bLow >>> 16;
  const low = a0 * b0;
  const middle = a1 * b0 + (low >>> 16);
  const cross = a0 * b1 + (middle % 0x10000);
  const carried = a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000);
  multiplied = (carried + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) | 0;
  return (cross << 16) | (low & 0xffff) | 0;
}

function halvesOf(value: number): readonly [low: number, high: number] {
  return [(value % TWO_POW_32) | 0, Math.floor(value / TWO_POW_32) | 0];
}
