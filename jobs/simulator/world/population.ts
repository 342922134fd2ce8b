import type { CatalogData } from '../../attribution/catalog.ts';
import type { ResolvedOptions } from '../options.ts';
import { Draws } from './draw.ts';
import { Zipf } from './zipf.ts';

const STREAM_POPULATION = 1;
const SALT_CREATIVE = 1;
const SALT_PUBLISHER = 3;
const SALT_CURRENCY = 5;

export const DEVICES = ['mobile', 'desktop', 'tablet', 'ctv'] as const;
export const COUNTRIES = ['USA', 'GBR', 'DEU', 'FRA', 'JPN', 'BRA', 'IND', 'CAN'] as const;
const CURRENCIES = ['USD', 'USD', 'USD', 'EUR', 'GBP'] as const;
/** How much more likely than the average a click is on a device of `DEVICES`. */
const DEVICE_APPEAL = [1.2, 0.9, 1, 0.3] as const;
/** Appeal is cut here, so that rejection sampling ends soon. */
const APPEAL_MAX = 4;

/** Who and what there is: campaigns with their creatives and advertisers, publishers, and how well each is clicked. */
export class Population {
  readonly campaignZipf: Zipf;
  readonly publisherZipf: Zipf;
  readonly #options: ResolvedOptions;
  readonly #currencies: readonly string[];
  readonly #creativeAppeal: Float32Array;
  readonly #publisherAppeal: Float32Array;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.campaignZipf = new Zipf(options.campaigns, options.campaignSkew);
    this.publisherZipf = new Zipf(options.publishers, 1.1);
    const draws = new Draws(options.seed, STREAM_POPULATION);
    const appeal = (salt: number, sigma: number) => (_: unknown, index: number) =>
      Math.exp(sigma * draws.normal(salt, index) - (sigma * sigma) / 2);
    this.#creativeAppeal = Float32Array.from(
      { length: options.campaigns * options.creativesPerCampaign },
      appeal(SALT_CREATIVE, 0.4),
    );
    this.#publisherAppeal = Float32Array.from({ length: options.publishers }, appeal(SALT_PUBLISHER, 0.3));
    this.#currencies = Array.from(
      { length: options.advertisers },
      (_, index) => CURRENCIES[draws.below(SALT_CURRENCY, index, CURRENCIES.length)]!,
    );
  }

  advertiserOf(campaign: number): number {
    return campaign % this.#options.advertisers;
  }

  currencyOf(campaign: number): string {
    return this.#currencies[this.advertiserOf(campaign)]!;
  }

  /**
   * Probability of a click on an impression, in units of the highest one: in (0, 1]. The true click model, known to the
   * simulator only.
   */
  clickAppeal(creative: number, publisher: number, device: number): number {
    const appeal = this.#creativeAppeal[creative]! * this.#publisherAppeal[publisher]! * DEVICE_APPEAL[device]!;
    return Math.min(appeal, APPEAL_MAX) / APPEAL_MAX;
  }

  catalog(): CatalogData {
    const { campaigns, creativesPerCampaign, clickWindowMs } = this.#options;
    return {
      campaigns: Array.from({ length: campaigns }, (_, campaign) => ({
        campaignId: campaignName(campaign),
        advertiserId: advertiserName(this.advertiserOf(campaign)),
        clickWindowMs,
      })),
      creatives: Array.from({ length: campaigns * creativesPerCampaign }, (_, creative) => ({
        creativeId: creativeName(creative),
        campaignId: campaignName(Math.floor(creative / creativesPerCampaign)),
      })),
    };
  }
}

export function campaignName(campaign: number): string {
  return `cmp-${campaign}`;
}

export function creativeName(creative: number): string {
  return `crt-${creative}`;
}

export function advertiserName(advertiser: number): string {
  return `adv-${advertiser}`;
}

export function userName(user: number): string {
  return `u${user}`;
}

export function publisherName(publisher: number): string {
  return `pub-${publisher}`;
}

export function websiteName(publisher: number): string {
  return `site-${publisher}.example.com`;
}
