import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';

/** What a user of the simulator may set. Everything has a default; rates are shares in [0, 1] of the records of a stream. */
export interface SimulatorOptions {
  /** Any safe integer; equal options give equal bytes. Default 1. */
  readonly seed?: number | undefined;
  /** `realistic` (default) has the ratios of real display advertising; `dense` many clicks and early conversions. */
  readonly profile?: Profile | undefined;
  /** Event time of the first impression. Default 2026-01-01T00:00:00Z. */
  readonly startMs?: number | undefined;
  /** Impressions per second of event time. Default 1000. */
  readonly impressionsPerSecond?: number | undefined;
  /** Partitions of each stream; record order is defined inside a partition only. Default 4. */
  readonly partitions?: number | undefined;
  readonly users?: number | undefined;
  readonly campaigns?: number | undefined;
  readonly creativesPerCampaign?: number | undefined;
  readonly advertisers?: number | undefined;
  readonly publishers?: number | undefined;
  /** Zipf exponent of campaigns. Default 1.0; publishers have 1.1. */
  readonly campaignSkew?: number | undefined;
  /** Clicks per impression. */
  readonly clickThroughRate?: number | undefined;
  /** Median of the lognormal delay from impression to click. Default 8s. */
  readonly clickDelayMedian?: Duration | undefined;
  readonly clickDelaySigma?: number | undefined;
  /** Longer delays are cut to a value below this. Default 10m. */
  readonly clickDelayMax?: Duration | undefined;
  readonly conversionsPerClick?: number | undefined;
  /** Multiplies the delays from click to conversion, which reach to 30 days. */
  readonly conversionDelayScale?: number | undefined;
  /** Click window of every campaign, written into the catalog. Default 30d. */
  readonly clickWindow?: Duration | undefined;
  /** Share of conversions that fall just behind the click window of their click. */
  readonly beyondWindowRate?: number | undefined;
  /** Share of conversions that no click caused. */
  readonly organicRate?: number | undefined;
  /** Share of conversions of a click that do not carry its id. */
  readonly idlessConversionRate?: number | undefined;
  readonly bidRequestsPerImpression?: number | undefined;
  /** Share of impressions that come without ids, with all that follows from them, as in the case's own files. */
  readonly legacyRate?: number | undefined;
  /** Share of the other clicks that lost their impression id. Default 0. */
  readonly idlessClickRate?: number | undefined;
  /** Mean of the usual delay from event to log. Default 400ms. */
  readonly deliveryDelayMean?: Duration | undefined;
  /** An on-time record is logged less than this after its event, and less than this after any duplicate of it. Default 8s. */
  readonly disorderMax?: Duration | undefined;
  /** Late records are logged at least this much after their event. Must pass `disorderMax` by a wide margin. Default 60s. */
  readonly lateMin?: Duration | undefined;
  readonly lateMax?: Duration | undefined;
  readonly trouble?: Partial<TroubleRates> | undefined;
}

export type Profile = 'realistic' | 'dense';

/** Records that are not as they should be, as shares of the regular records of a stream. */
export interface TroubleRates {
  /** The same record again. */
  readonly naturalDuplicate: number;
  /** Another record under an id that has been used. */
  readonly syntheticDuplicate: number;
  readonly late: number;
  readonly unparseable: number;
  readonly missingField: number;
  readonly badTimestamp: number;
  /** Event time far ahead of the log. */
  readonly futureTimestamp: number;
  /** Names a creative or campaign that does not exist. */
  readonly unknownReference: number;
  /** Clicks and conversions only: the value is not a number in range, or the currency no currency. */
  readonly badValue: number;
  /** Clicks only: names an impression that never was. */
  readonly orphan: number;
}

/** Options with all defaults filled in, checked, in milliseconds. Plain data. */
export interface ResolvedOptions {
  readonly seed: number;
  readonly startMs: number;
  readonly impressionsPerSecond: number;
  readonly partitions: number;
  readonly users: number;
  readonly campaigns: number;
  readonly creativesPerCampaign: number;
  readonly advertisers: number;
  readonly publishers: number;
  readonly campaignSkew: number;
  readonly clickThroughRate: number;
  readonly clickDelayMedianMs: number;
  readonly clickDelaySigma: number;
  readonly clickDelayMaxMs: number;
  readonly conversionsPerClick: number;
  readonly conversionDelayScale: number;
  readonly clickWindowMs: number;
  readonly beyondWindowRate: number;
  readonly organicRate: number;
  readonly idlessConversionRate: number;
  readonly bidRequestsPerImpression: number;
  readonly legacyRate: number;
  readonly idlessClickRate: number;
  readonly deliveryDelayMeanMs: number;
  readonly disorderMaxMs: number;
  readonly lateMinMs: number;
  readonly lateMaxMs: number;
  readonly trouble: TroubleRates;
}

type AllOptions = {
  readonly [K in Exclude<keyof SimulatorOptions, 'profile'>]-?: Exclude<SimulatorOptions[K], undefined>;
};

/** 2026-01-01T00:00:00Z */
const START_MS = 1_767_225_600_000;

// Ratios of the iPinYou seasons 2 and 3 and of Criteo's data: click-through 0.082 %, 8.1 % conversions per click, a win
// rate of 23.8 %.
const REALISTIC: AllOptions = {
  seed: 1,
  startMs: START_MS,
  impressionsPerSecond: 1000,
  partitions: 4,
  users: 1_000_000,
  campaigns: 1000,
  creativesPerCampaign: 5,
  advertisers: 100,
  publishers: 500,
  campaignSkew: 1,
  clickThroughRate: 0.0008,
  clickDelayMedian: '8s',
  clickDelaySigma: 1.2,
  clickDelayMax: '10m',
  conversionsPerClick: 0.081,
  conversionDelayScale: 1,
  clickWindow: '30d',
  beyondWindowRate: 0.01,
  organicRate: 0.05,
  idlessConversionRate: 0.3,
  bidRequestsPerImpression: 4.2,
  legacyRate: 0.02,
  idlessClickRate: 0,
  deliveryDelayMean: 400,
  disorderMax: '8s',
  lateMin: '60s',
  lateMax: '1h',
  trouble: {},
};

const DENSE: Partial<SimulatorOptions> = {
  users: 20_000,
  campaigns: 200,
  advertisers: 20,
  publishers: 100,
  clickThroughRate: 0.05,
  clickDelayMax: '2m',
  conversionsPerClick: 1 / 12,
  // 30 days become ten minutes.
  conversionDelayScale: 600 / (30 * 86_400),
  bidRequestsPerImpression: 1,
  legacyRate: 0.05,
  lateMax: '10m',
};

const TROUBLE: TroubleRates = {
  naturalDuplicate: 0.003,
  syntheticDuplicate: 0.0005,
  late: 0.002,
  unparseable: 0.0005,
  missingField: 0.0005,
  badTimestamp: 0.0003,
  futureTimestamp: 0.0002,
  unknownReference: 0.0005,
  badValue: 0.0005,
  orphan: 0.005,
};

/** No trouble of any kind: every record is good, once, on time. */
export const NO_TROUBLE: TroubleRates = Object.freeze(
  Object.fromEntries(Object.keys(TROUBLE).map((name) => [name, 0])) as unknown as TroubleRates,
);

/** @throws UserError CONFIGURATION naming the option, what was expected and what was found. */
export function resolveOptions(options: SimulatorOptions = {}): ResolvedOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const merged = { ...REALISTIC, ...(options.profile === 'dense' ? DENSE : {}), ...given } as AllOptions;
  const resolved: ResolvedOptions = {
    seed: whole('seed', merged.seed, Number.MIN_SAFE_INTEGER),
    startMs: whole('startMs', merged.startMs, 0),
    impressionsPerSecond: above('impressionsPerSecond', merged.impressionsPerSecond, 0),
    partitions: whole('partitions', merged.partitions, 1),
    users: whole('users', merged.users, 1),
    campaigns: whole('campaigns', merged.campaigns, 1),
    creativesPerCampaign: whole('creativesPerCampaign', merged.creativesPerCampaign, 1),
    advertisers: whole('advertisers', merged.advertisers, 1),
    publishers: whole('publishers', merged.publishers, 1),
    campaignSkew: above('campaignSkew', merged.campaignSkew, 0),
    clickThroughRate: within('clickThroughRate', above('clickThroughRate', merged.clickThroughRate, 0), 1),
    clickDelayMedianMs: durationMs(merged.clickDelayMedian),
    clickDelaySigma: within('clickDelaySigma', merged.clickDelaySigma, 10),
    clickDelayMaxMs: above('clickDelayMax', durationMs(merged.clickDelayMax), CLICK_DELAY_MIN_MS),
    conversionsPerClick: within('conversionsPerClick', merged.conversionsPerClick, 100),
    conversionDelayScale: above('conversionDelayScale', merged.conversionDelayScale, 0),
    clickWindowMs: above('clickWindow', durationMs(merged.clickWindow), 0),
    beyondWindowRate: within('beyondWindowRate', merged.beyondWindowRate, 1),
    organicRate: within('organicRate', merged.organicRate, 1),
    idlessConversionRate: within('idlessConversionRate', merged.idlessConversionRate, 1),
    bidRequestsPerImpression: within('bidRequestsPerImpression', merged.bidRequestsPerImpression, 1000, 1),
    legacyRate: within('legacyRate', merged.legacyRate, 1),
    idlessClickRate: within('idlessClickRate', merged.idlessClickRate, 1),
    deliveryDelayMeanMs: above('deliveryDelayMean', durationMs(merged.deliveryDelayMean), 0),
    disorderMaxMs: above('disorderMax', durationMs(merged.disorderMax), 1999),
    lateMinMs: durationMs(merged.lateMin),
    lateMaxMs: durationMs(merged.lateMax),
    trouble: resolveTrouble(merged.trouble),
  };
  above('lateMin', resolved.lateMinMs, resolved.disorderMaxMs * 2);
  above('lateMax', resolved.lateMaxMs, resolved.lateMinMs);
  return resolved;
}

/** Humans take at least this long from impression to click. */
export const CLICK_DELAY_MIN_MS = 1_000;

function resolveTrouble(given: Partial<TroubleRates>): TroubleRates {
  const rates = { ...TROUBLE, ...given };
  let total = 0;
  for (const [name, rate] of Object.entries(rates)) total += within(`trouble.${name}`, rate, 1);
  within('the sum of all trouble rates', total, 2);
  return rates;
}

function whole(name: string, value: number, min: number): number {
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw wrong(name, `a whole number of at least ${min}`, value);
}

function above(name: string, value: number, bound: number): number {
  if (Number.isFinite(value) && value > bound) return value;
  throw wrong(name, `a number above ${bound}`, value);
}

function within(name: string, value: number, max: number, min: number = 0): number {
  if (value >= min && value <= max) return value;
  throw wrong(name, `a number from ${min} to ${max}`, value);
}

function wrong(name: string, expected: string, value: unknown): UserError {
  return new UserError('CONFIGURATION', `simulator option ${name}: expected ${expected}, found ${String(value)}`);
}
