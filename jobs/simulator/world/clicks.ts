import type { ResolvedOptions } from '../options.ts';
import { Draws, scrambledId } from './draw.ts';
import { EXTRA_INDEX, type Impressions } from './impressions.ts';
import { type TimeForm, timeFormOf, type Timing, writtenMs } from './timing.ts';

/** A click as the world knows it. */
export interface SimClick {
  readonly kind: 'click';
  readonly index: number;
  readonly timeMs: number;
  readonly timeForm: TimeForm;
  /** Undefined for a click that is written without ids. */
  readonly clickId: string | undefined;
  /** The impression id in the row. */
  readonly impressionId: string | undefined;
  readonly user: number;
  readonly campaign: number;
  readonly isReferenceUnknown: boolean;
  /** Index of the impression that was clicked, whatever the row says. Undefined: none. */
  readonly cause: number | undefined;
}

const STREAM_CLICKS = 3;
const SALT_CAUSE = 100; // and the next 2 * CAUSE_TRIES_MAX
/** Then the last candidate is taken, however dull: of a hundred clicks about one. */
const CAUSE_TRIES_MAX = 16;
const SALT_DELAY = 20;
const SALT_FORM = 23;
const SALT_DELIVERY = 24;
const SALT_IDLESS = 26;
const SALT_EXTRA_DELAY = 27;
const SALT_EXTRA_USER = 28;

/**
 * All clicks, each a pure function of its index. Impressions are cut into groups of 1 / click-through rate; click k falls
 * into group k, on an impression drawn by appeal. So no impression is clicked twice.
 */
export class Clicks {
  /** Mean distance in event time. */
  readonly spacingMs: number;
  readonly #options: ResolvedOptions;
  readonly #impressions: Impressions;
  readonly #timing: Timing;
  readonly #draws: Draws;
  readonly #idScramble: number;
  readonly #groupSize: number;

  constructor(options: ResolvedOptions, impressions: Impressions, timing: Timing) {
    this.#options = options;
    this.#impressions = impressions;
    this.#timing = timing;
    this.#draws = new Draws(options.seed, STREAM_CLICKS);
    this.#idScramble = this.#draws.uint32(1000, 0);
    this.#groupSize = 1 / options.clickThroughRate;
    this.spacingMs = this.#groupSize * impressions.spacingMs;
  }

  /** Index of the impression that click `index` is on. */
  cause(index: number): number {
    const first = Math.floor(index * this.#groupSize);
    const size = Math.floor((index + 1) * this.#groupSize) - first;
    for (let attempt = 0; ; attempt++) {
      const candidate = first + this.#draws.below(SALT_CAUSE + 2 * attempt, index, size);
      if (attempt === CAUSE_TRIES_MAX) return candidate;
      if (this.#draws.unit(SALT_CAUSE + 2 * attempt + 1, index) < this.#impressions.clickAppeal(candidate))
        return candidate;
    }
  }

  timeMs(index: number): number {
    return this.#timeAfter(this.cause(index), index);
  }

  receivedAtMs(index: number): number {
    return this.timeMs(index) + this.#timing.deliveryDelayMs(this.#draws, SALT_DELIVERY, index);
  }

  idOf(index: number): string {
    return scrambledId(this.#idScramble, index);
  }

  at(index: number): SimClick {
    const cause = this.cause(index);
    const isLegacy = this.#impressions.isLegacy(cause);
    const isIdless = isLegacy || this.#draws.unit(SALT_IDLESS, index) < this.#options.idlessClickRate;
    return {
      kind: 'click',
      index,
      timeMs: this.#timeAfter(cause, index),
      timeForm: this.#form(index),
      clickId: isLegacy ? undefined : this.idOf(index),
      impressionId: isIdless ? undefined : this.#impressions.idOf(cause),
      user: this.#impressions.user(cause),
      campaign: this.#impressions.campaign(cause),
      isReferenceUnknown: false,
      cause,
    };
  }

  /**
   * A click outside of the sequence, at a time about `timeMs`. An orphan names an impression that never was; any other
   * names a real one of about the right time, unless that would lie before the start.
   */
  extraAt(
    extra: number,
    timeMs: number,
    options: { readonly isOrphan: boolean; readonly isReferenceUnknown: boolean },
  ): SimClick {
    const index = EXTRA_INDEX + extra;
    const delayMs = this.#timing.clickDelayMs(this.#draws, SALT_EXTRA_DELAY, index);
    const cause = Math.floor((timeMs - delayMs - this.#options.startMs) / this.#impressions.spacingMs) - 1;
    const isOrphan = options.isOrphan || cause < 0;
    const form = this.#form(index);
    const seen = isOrphan ? index : cause;
    return {
      kind: 'click',
      index,
      timeMs: writtenMs(timeMs, form),
      timeForm: form,
      clickId: this.idOf(index),
      impressionId: this.#impressions.idOf(isOrphan ? EXTRA_INDEX * 2 + extra : cause),
      user: isOrphan ? this.#draws.below(SALT_EXTRA_USER, index, this.#options.users) : this.#impressions.user(cause),
      campaign: this.#impressions.campaign(seen),
      isReferenceUnknown: options.isReferenceUnknown,
      cause: isOrphan ? undefined : cause,
    };
  }

  /** Another click under the id of `original`: a second later. */
  collisionOf(original: SimClick): SimClick {
    return { ...original, timeMs: original.timeMs + 1000, cause: undefined };
  }

  #timeAfter(cause: number, index: number): number {
    const delayMs = this.#timing.clickDelayMs(this.#draws, SALT_DELAY, index);
    return writtenMs(this.#impressions.timeMs(cause) + delayMs, this.#form(index));
  }

  #form(index: number): TimeForm {
    return timeFormOf(this.#draws.unit(SALT_FORM, index));
  }
}
