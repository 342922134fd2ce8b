import type { ResolvedOptions } from '../options.ts';
import type { Clicks } from './clicks.ts';
import { Draws, scrambledId } from './draw.ts';
import { EXTRA_INDEX } from './impressions.ts';
import type { Population } from './population.ts';
import type { TimeForm, Timing } from './timing.ts';

/** A conversion as the world knows it. */
export interface SimConversion {
  readonly kind: 'conversion';
  readonly index: number;
  readonly timeMs: number;
  readonly timeForm: TimeForm;
  /** Undefined for a conversion that is written without ids. */
  readonly conversionId: string | undefined;
  readonly conversionType: string;
  readonly orderId: string | undefined;
  /** The click id in the row. */
  readonly clickId: string | undefined;
  readonly user: number;
  /** The campaign in the row; undefined: the row names none. */
  readonly campaign: number | undefined;
  /** The advertiser in the row. */
  readonly advertiser: number | undefined;
  /** Hundredths of the currency unit; undefined: no value. */
  readonly valueCents: number | undefined;
  readonly currency: string | undefined;
  readonly isReferenceUnknown: boolean;
  /** Index of the click that caused it, whatever the row says. Undefined: none did. */
  readonly cause: number | undefined;
}

const CONVERSION_TYPES = ['purchase', 'sign_up', 'lead', 'install'] as const;
const FORMS: readonly TimeForm[] = ['utc', 'utc', 'utc', 'offset', 'millis'];

const STREAM_CONVERSIONS = 4;
const SALT_ORGANIC = 1;
const SALT_DELAY = 2;
const SALT_EARLY = 4;
const SALT_BEYOND = 5;
const SALT_CAUSE = 7;
const SALT_FORM = 8;
const SALT_DELIVERY = 9;
const SALT_TYPE = 11;
const SALT_IDLESS = 12;
const SALT_VALUE = 13;
const SALT_USER = 14;
const SALT_CAMPAIGN = 15;

/**
 * All conversions, each a pure function of its index. A conversion happens about its place in the sequence; the click that
 * caused it is found by going back by the delay. So a click may cause several, and delays of weeks cost nothing.
 */
export class Conversions {
  /** Mean distance in event time; Infinity when there are none. */
  readonly spacingMs: number;
  readonly #options: ResolvedOptions;
  readonly #population: Population;
  readonly #clicks: Clicks;
  readonly #timing: Timing;
  readonly #draws: Draws;
  readonly #idScramble: number;

  constructor(options: ResolvedOptions, population: Population, clicks: Clicks, timing: Timing) {
    this.#options = options;
    this.#population = population;
    this.#clicks = clicks;
    this.#timing = timing;
    this.spacingMs = clicks.spacingMs / options.conversionsPerClick;
    this.#draws = new Draws(options.seed, STREAM_CONVERSIONS);
    this.#idScramble = this.#draws.uint32(1000, 0);
  }

  receivedAtMs(index: number): number {
    return this.#timeMs(index, this.#delayMs(index)) + this.#timing.deliveryDelayMs(this.#draws, SALT_DELIVERY, index);
  }

  at(index: number): SimConversion {
    const delayMs = this.#delayMs(index);
    return this.#create(
      index,
      this.#timeMs(index, delayMs),
      delayMs === undefined ? undefined : this.#cause(index, delayMs),
      false,
    );
  }

  /** A conversion outside of the sequence, without a click, at a time about `timeMs`. */
  extraAt(extra: number, timeMs: number, isReferenceUnknown: boolean): SimConversion {
    return this.#create(EXTRA_INDEX + extra, timeMs, undefined, isReferenceUnknown);
  }

  /** Another conversion under the order or event id of `original`: later, with another value. */
  collisionOf(original: SimConversion): SimConversion {
    const valueCents = (original.valueCents ?? 0) + 100;
    return {
      ...original,
      timeMs: original.timeMs + 1000,
      valueCents,
      currency: original.currency ?? 'USD',
      cause: undefined,
    };
  }

  /** Undefined: no click caused it. */
  #delayMs(index: number): number | undefined {
    const kind = this.#draws.unit(SALT_ORGANIC, index);
    const { organicRate, beyondWindowRate, clickWindowMs } = this.#options;
    if (kind < organicRate) return undefined;
    if (kind < organicRate + beyondWindowRate) {
      // Around the end of the window: a millisecond before it, on it, behind it.
      const step = this.#draws.below(SALT_BEYOND, index, 4);
      const delayMs =
        clickWindowMs -
        1 +
        (step < 3 ? step : this.#draws.below(SALT_BEYOND + 1, index, Math.ceil(clickWindowMs / 100)));
      if (this.#cause(index, delayMs) >= 0) return delayMs;
    }
    const delayMs = this.#timing.conversionDelayMs(this.#draws, SALT_DELAY, index);
    if (this.#cause(index, delayMs) >= 0) return delayMs;
    // The click would lie before the start.
    const earlyMs = this.#timing.earlyConversionDelayMs(this.#draws.unit(SALT_EARLY, index));
    return this.#cause(index, earlyMs) >= 0 ? earlyMs : undefined;
  }

  #cause(index: number, delayMs: number): number {
    const back = this.#draws.below(SALT_CAUSE, index, 2);
    return Math.floor((index * this.spacingMs - delayMs) / this.#clicks.spacingMs) - back;
  }

  #timeMs(index: number, delayMs: number | undefined): number {
    if (delayMs === undefined) return this.#options.startMs + Math.floor(index * this.spacingMs);
    return this.#clicks.timeMs(this.#cause(index, delayMs)) + delayMs;
  }

  #create(index: number, timeMs: number, cause: number | undefined, isReferenceUnknown: boolean): SimConversion {
    const click = cause === undefined ? undefined : this.#clicks.at(cause);
    const isLegacy = click !== undefined && click.clickId === undefined;
    const idless = this.#draws.unit(SALT_IDLESS, index) / this.#options.idlessConversionRate;
    const campaign = click?.campaign ?? this.#draws.below(SALT_CAMPAIGN, index, this.#options.campaigns);
    const conversionType =
      CONVERSION_TYPES[Math.floor(CONVERSION_TYPES.length * this.#draws.unit(SALT_TYPE, index) ** 2)]!;
    const isPurchase = conversionType === 'purchase';
    // A third of those without click id name only the advertiser.
    const namesAdvertiser = !isLegacy && !isReferenceUnknown && idless < 1 / 3;
    return {
      kind: 'conversion',
      index,
      timeMs,
      timeForm: FORMS[this.#draws.below(SALT_FORM, index, FORMS.length)]!,
      conversionId: isLegacy ? undefined : scrambledId(this.#idScramble, index),
      conversionType,
      orderId: isPurchase && !isLegacy ? `ord-${index}` : undefined,
      clickId: click === undefined || idless < 1 ? undefined : click.clickId,
      user: click?.user ?? this.#draws.below(SALT_USER, index, this.#options.users),
      campaign: namesAdvertiser ? undefined : campaign,
      advertiser: namesAdvertiser ? this.#population.advertiserOf(campaign) : undefined,
      valueCents:
        isPurchase && !isLegacy ? 500 + Math.floor(50_000 * this.#draws.unit(SALT_VALUE, index) ** 3) : undefined,
      currency: isPurchase && !isLegacy ? this.#population.currencyOf(campaign) : undefined,
      isReferenceUnknown,
      cause,
    };
  }
}
