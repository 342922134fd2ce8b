import type { ResolvedOptions } from '../options.ts';
import { Draws, scrambledId } from './draw.ts';
import { EXTRA_INDEX, type Impressions } from './impressions.ts';
import { COUNTRIES, DEVICES, type Population } from './population.ts';
import type { Timing } from './timing.ts';

/** A bid request as the world knows it. Some are won and become impressions. */
export interface SimBidRequest {
  readonly kind: 'bid_request';
  readonly index: number;
  readonly timeMs: number;
  readonly auctionId: string;
  readonly user: number;
  readonly publisher: number;
  readonly device: number;
  readonly country: number;
  readonly bidFloorCpmMicros: number;
  readonly segments: readonly string[];
  /** Index of the impression that came of it. Undefined: the auction was lost. */
  readonly impression: number | undefined;
}

/** An auction lies this much before its impression, at least. */
const LEAD_MIN_MS = 200;
const SEGMENTS = ['sports', 'travel', 'finance', 'autos', 'gaming', 'parents', 'fashion', 'cooking'] as const;

const STREAM_BID_REQUESTS = 5;
const SALT_TIME = 1;
const SALT_DELIVERY = 2;
const SALT_WINNER = 4;
const SALT_USER = 5;
const SALT_PUBLISHER = 6;
const SALT_FLOOR = 8;
const SALT_SEGMENT = 9;
const SALT_DEVICE = 11;
const SALT_COUNTRY = 12;

/** All bid requests, each a pure function of its index: group i of them holds the one that became impression i. */
export class BidRequests {
  readonly spacingMs: number;
  readonly #options: ResolvedOptions;
  readonly #population: Population;
  readonly #impressions: Impressions;
  readonly #timing: Timing;
  readonly #draws: Draws;
  readonly #idScramble: number;

  constructor(options: ResolvedOptions, population: Population, impressions: Impressions, timing: Timing) {
    this.#options = options;
    this.#population = population;
    this.#impressions = impressions;
    this.#timing = timing;
    this.spacingMs = impressions.spacingMs / options.bidRequestsPerImpression;
    this.#draws = new Draws(options.seed, STREAM_BID_REQUESTS);
    this.#idScramble = this.#draws.uint32(1000, 0);
  }

  timeMs(index: number): number {
    const impression = this.#impressionOf(index);
    if (impression !== undefined) return this.#timeBefore(impression, index);
    return (
      this.#options.startMs + Math.floor((index + this.#draws.unit(SALT_TIME, index)) * this.spacingMs) - LEAD_MIN_MS
    );
  }

  receivedAtMs(index: number): number {
    return this.timeMs(index) + this.#timing.deliveryDelayMs(this.#draws, SALT_DELIVERY, index);
  }

  /** The auction that an impression was won in. */
  auctionIdOf(impression: number): string {
    if (impression >= EXTRA_INDEX) return scrambledId(this.#idScramble, impression);
    return scrambledId(this.#idScramble, this.#winner(impression));
  }

  at(index: number): SimBidRequest {
    return this.#create(index, this.timeMs(index), this.#impressionOf(index));
  }

  /** A bid request outside of the sequence, at `timeMs`. */
  extraAt(extra: number, timeMs: number): SimBidRequest {
    return this.#create(EXTRA_INDEX + extra, timeMs, undefined);
  }

  /** Another request under the auction id of `original`. */
  collisionOf(original: SimBidRequest): SimBidRequest {
    return { ...original, bidFloorCpmMicros: original.bidFloorCpmMicros + 1_000_000, impression: undefined };
  }

  #create(index: number, timeMs: number, impression: number | undefined): SimBidRequest {
    const draws = this.#draws;
    return {
      kind: 'bid_request',
      index,
      timeMs,
      auctionId: scrambledId(this.#idScramble, index),
      user:
        impression === undefined
          ? draws.below(SALT_USER, index, this.#options.users)
          : this.#impressions.user(impression),
      publisher:
        impression === undefined
          ? this.#population.publisherZipf.rank(
              draws.unit(SALT_PUBLISHER, index),
              draws.unit(SALT_PUBLISHER + 1, index),
            )
          : this.#impressions.publisher(impression),
      device:
        impression === undefined
          ? draws.below(SALT_DEVICE, index, DEVICES.length)
          : this.#impressions.device(impression),
      country:
        impression === undefined
          ? draws.below(SALT_COUNTRY, index, COUNTRIES.length)
          : this.#impressions.country(impression),
      bidFloorCpmMicros: 100_000 * (1 + draws.below(SALT_FLOOR, index, 20)),
      segments: [
        SEGMENTS[draws.below(SALT_SEGMENT, index, 4)]!,
        SEGMENTS[4 + draws.below(SALT_SEGMENT + 1, index, 4)]!,
      ],
      impression,
    };
  }

  #impressionOf(index: number): number | undefined {
    const rate = this.#options.bidRequestsPerImpression;
    // The group of an index is off by one at most, by rounding.
    const near = Math.floor(index / rate);
    for (let impression = Math.max(0, near - 1); impression <= near + 1; impression++) {
      if (this.#winner(impression) === index) return impression;
    }
    return undefined;
  }

  #winner(impression: number): number {
    const rate = this.#options.bidRequestsPerImpression;
    const first = Math.floor(impression * rate);
    const size = Math.floor((impression + 1) * rate) - first;
    return first + this.#draws.below(SALT_WINNER, impression, size);
  }

  #timeBefore(impression: number, index: number): number {
    return this.#impressions.timeMs(impression) - LEAD_MIN_MS - this.#draws.below(SALT_TIME, index, 800);
  }
}
