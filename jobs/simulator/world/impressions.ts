import type { ResolvedOptions } from '../options.ts';
import { Draws, scrambledId } from './draw.ts';
import { COUNTRIES, DEVICES, type Population } from './population.ts';
import { type TimeForm, timeFormOf, type Timing, writtenMs } from './timing.ts';

/** An impression as the world knows it; names are made from the numbers when it is written. */
export interface SimImpression {
  readonly kind: 'impression';
  readonly index: number;
  /** Event time as it is written. */
  readonly timeMs: number;
  readonly timeForm: TimeForm;
  /** Undefined for an impression that is written without ids. */
  readonly impressionId: string | undefined;
  readonly user: number;
  readonly campaign: number;
  readonly creative: number;
  readonly publisher: number;
  readonly device: number;
  readonly country: number;
  readonly priceMicros: number;
  readonly currency: string;
  /** Set instead of the creative's name when the row must name one that does not exist. */
  readonly isReferenceUnknown: boolean;
}

/** Indices from here on belong to events outside of the regular sequence: late ones, broken ones. */
export const EXTRA_INDEX = 2 ** 51;

const STREAM_IMPRESSIONS = 2;
const SALT_TIME = 1;
const SALT_FORM = 2;
const SALT_DELIVERY = 3;
const SALT_USER = 5;
const SALT_CAMPAIGN = 6;
const SALT_CREATIVE = 8;
const SALT_PUBLISHER = 9;
const SALT_DEVICE = 11;
const SALT_COUNTRY = 12;
const SALT_PRICE = 13;
const SALT_LEGACY = 14;

/** All impressions, each a pure function of its index: number i happens about i / rate seconds after the start. */
export class Impressions {
  /** Mean distance in event time. */
  readonly spacingMs: number;
  readonly #options: ResolvedOptions;
  readonly #population: Population;
  readonly #timing: Timing;
  readonly #draws: Draws;
  readonly #idScramble: number;

  constructor(options: ResolvedOptions, population: Population, timing: Timing) {
    this.spacingMs = 1000 / options.impressionsPerSecond;
    this.#options = options;
    this.#population = population;
    this.#timing = timing;
    this.#draws = new Draws(options.seed, STREAM_IMPRESSIONS);
    this.#idScramble = this.#draws.uint32(0, 0);
  }

  timeMs(index: number): number {
    const offsetMs = (index + this.#draws.unit(SALT_TIME, index)) * this.spacingMs;
    return writtenMs(this.#options.startMs + Math.floor(offsetMs), this.#form(index));
  }

  receivedAtMs(index: number): number {
    return this.timeMs(index) + this.deliveryDelayMs(index);
  }

  deliveryDelayMs(index: number): number {
    return this.#timing.deliveryDelayMs(this.#draws, SALT_DELIVERY, index);
  }

  /** In (0, 1], proportional to the probability of a click. */
  clickAppeal(index: number): number {
    return this.#population.clickAppeal(
      this.#creative(index, this.campaign(index)),
      this.publisher(index),
      this.device(index),
    );
  }

  idOf(index: number): string {
    return scrambledId(this.#idScramble, index);
  }

  isLegacy(index: number): boolean {
    return this.#draws.unit(SALT_LEGACY, index) < this.#options.legacyRate;
  }

  user(index: number): number {
    return this.#draws.below(SALT_USER, index, this.#options.users);
  }

  campaign(index: number): number {
    return this.#population.campaignZipf.rank(
      this.#draws.unit(SALT_CAMPAIGN, index),
      this.#draws.unit(SALT_CAMPAIGN + 1, index),
    );
  }

  publisher(index: number): number {
    return this.#population.publisherZipf.rank(
      this.#draws.unit(SALT_PUBLISHER, index),
      this.#draws.unit(SALT_PUBLISHER + 1, index),
    );
  }

  device(index: number): number {
    return this.#draws.below(SALT_DEVICE, index, DEVICES.length);
  }

  country(index: number): number {
    return this.#draws.below(SALT_COUNTRY, index, COUNTRIES.length);
  }

  at(index: number): SimImpression {
    return this.#create(index, this.timeMs(index), this.#form(index), undefined, false);
  }

  /** An impression outside of the sequence, at a time about `timeMs`. */
  extraAt(extra: number, timeMs: number, isReferenceUnknown: boolean): SimImpression {
    const index = EXTRA_INDEX + extra;
    const form = this.#form(index);
    return this.#create(index, writtenMs(timeMs, form), form, undefined, isReferenceUnknown);
  }

  /** Another impression under the id of `original`, at the same time. `original` has an id. */
  collisionOf(original: SimImpression, extra: number): SimImpression {
    return this.#create(EXTRA_INDEX + extra, original.timeMs, original.timeForm, original.impressionId, false);
  }

  #create(
    index: number,
    timeMs: number,
    timeForm: TimeForm,
    impressionId: string | undefined,
    isReferenceUnknown: boolean,
  ): SimImpression {
    const campaign = this.campaign(index);
    const isLegacy = impressionId === undefined && this.isLegacy(index);
    return {
      kind: 'impression',
      index,
      timeMs,
      timeForm,
      impressionId: isLegacy ? undefined : (impressionId ?? this.idOf(index)),
      user: this.user(index),
      campaign,
      creative: this.#creative(index, campaign),
      publisher: this.publisher(index),
      device: this.device(index),
      country: this.country(index),
      // 0.50 to 8.00 units per thousand.
      priceMicros: 500 + Math.floor(7500 * this.#draws.unit(SALT_PRICE, index) ** 2),
      currency: this.#population.currencyOf(campaign),
      isReferenceUnknown,
    };
  }

  #creative(index: number, campaign: number): number {
    const { creativesPerCampaign } = this.#options;
    return campaign * creativesPerCampaign + this.#draws.below(SALT_CREATIVE, index, creativesPerCampaign);
  }

  #form(index: number): TimeForm {
    return timeFormOf(this.#draws.unit(SALT_FORM, index));
  }
}
