import { CLICK_DELAY_MIN_MS, type ResolvedOptions } from '../options.ts';
import type { Draws } from './draw.ts';

/** How a source writes its timestamps. Whole seconds lose the rest: then the event *is* at the whole second. */
export type TimeForm = 'utc' | 'offset' | 'millis' | 'seconds';

/** @param unit uniform in [0, 1). */
export function timeFormOf(unit: number): TimeForm {
  return unit < 0.7 ? 'utc' : unit < 0.8 ? 'offset' : unit < 0.95 ? 'millis' : 'seconds';
}

/** The moment that is left when a time is written in a form. */
export function writtenMs(timeMs: number, form: TimeForm): number {
  return form === 'seconds' ? Math.floor(timeMs / 1000) * 1000 : timeMs;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** The delays between cause and effect, and between event and log. All are whole milliseconds. */
export class Timing {
  /** Delay from event to log is below this. */
  readonly deliveryDelayMaxMs: number;
  /** A duplicate follows within this after the original. */
  readonly duplicateGapMaxMs: number;
  readonly #options: ResolvedOptions;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    // A time in whole seconds makes a record look up to a second older; the rest is shared by delivery and duplicates.
    const budgetMs = options.disorderMaxMs - 1000;
    this.deliveryDelayMaxMs = Math.floor(budgetMs * 0.6);
    this.duplicateGapMaxMs = Math.floor(budgetMs * 0.4) - 1;
  }

  /** 97 % short, 2.5 % twenty times as long, 0.5 % anything up to the bound. Takes two salts. */
  deliveryDelayMs(draws: Draws, salt: number, index: number): number {
    const kind = draws.unit(salt, index);
    const unit = draws.unit(salt + 1, index);
    const maxMs = this.deliveryDelayMaxMs;
    if (kind >= 0.995) return Math.floor(unit * maxMs);
    const meanMs = this.#options.deliveryDelayMeanMs * (kind < 0.97 ? 1 : 20);
    return Math.floor(truncatedExponential(unit, meanMs, maxMs));
  }

  /** From an original to its duplicate, at least 1. */
  duplicateGapMs(unit: number): number {
    return 1 + Math.floor(unit * this.duplicateGapMaxMs);
  }

  /** Lognormal with a floor of a second; what passes the maximum is spread evenly below it. Takes three salts. */
  clickDelayMs(draws: Draws, salt: number, index: number): number {
    const { clickDelayMedianMs, clickDelaySigma, clickDelayMaxMs } = this.#options;
    const delayMs = Math.floor(clickDelayMedianMs * Math.exp(clickDelaySigma * draws.normal(salt, index)));
    if (delayMs < CLICK_DELAY_MIN_MS) return CLICK_DELAY_MIN_MS;
    if (delayMs < clickDelayMaxMs) return delayMs;
    return CLICK_DELAY_MIN_MS + Math.floor(draws.unit(salt + 2, index) * (clickDelayMaxMs - CLICK_DELAY_MIN_MS));
  }

  /** 35 % within an hour, 15 % log-uniform from 1 h to 24 h, 50 % from a day to 30 days; all scaled. Takes two salts. */
  conversionDelayMs(draws: Draws, salt: number, index: number): number {
    const kind = draws.unit(salt, index);
    const unit = draws.unit(salt + 1, index);
    let delayMs: number;
    if (kind < 0.35) delayMs = truncatedExponential(unit, 15 * MINUTE_MS, HOUR_MS);
    else if (kind < 0.5) delayMs = HOUR_MS * 24 ** unit;
    else delayMs = DAY_MS + truncatedExponential(unit, 12 * DAY_MS, 29 * DAY_MS);
    return Math.max(CONVERSION_DELAY_MIN_MS, Math.floor(delayMs * this.#options.conversionDelayScale));
  }

  /** The short part of `conversionDelayMs` only. */
  earlyConversionDelayMs(unit: number): number {
    const delayMs = truncatedExponential(unit, 15 * MINUTE_MS, HOUR_MS) * this.#options.conversionDelayScale;
    return Math.max(CONVERSION_DELAY_MIN_MS, Math.floor(delayMs));
  }
}

const CONVERSION_DELAY_MIN_MS = 100;

function truncatedExponential(unit: number, mean: number, max: number): number {
  return Math.min(max * (1 - Number.EPSILON), -mean * Math.log(1 - unit * (1 - Math.exp(-max / mean))));
}
