import type { ResolvedOptions } from '../options.ts';
import type { Clicks, SimClick } from '../world/clicks.ts';
import type { Conversions, SimConversion } from '../world/conversions.ts';
import { Draws } from '../world/draw.ts';
import type { Timing } from '../world/timing.ts';
import { extraEventTimeMs } from './extra-timing.ts';
import { EXTRA_DRAWS, type LogEntry, type LogModel, SALT_EXTRA } from './log-model.ts';
import { SlotPlan, type Trouble } from './slot-plan.ts';

/** A duplicate repeats one of the last this many clicks or conversions of its partition. */
const LOOK_BACK = 3;

/**
 * One partition of the stream that holds clicks and conversions. Conversions stand evenly between the clicks; an extra
 * record is a click or a conversion in the same ratio.
 */
export class ClickLog implements LogModel {
  readonly startMs: number;
  readonly slotSpacingMs: number;
  readonly displacementMsMax: number;
  readonly lookBackSlotsMax: number;
  readonly #options: ResolvedOptions;
  readonly #clicks: Clicks;
  readonly #conversions: Conversions;
  readonly #timing: Timing;
  readonly #partition: number;
  readonly #draws: Draws;
  readonly #plan: SlotPlan;
  /** Conversions per regular record. */
  readonly #conversionShare: number;

  constructor(options: ResolvedOptions, clicks: Clicks, conversions: Conversions, timing: Timing, partition: number) {
    this.#options = options;
    this.startMs = options.startMs;
    this.#clicks = clicks;
    this.#conversions = conversions;
    this.#timing = timing;
    this.#partition = partition;
    this.#draws = new Draws(options.seed, EXTRA_DRAWS.clicksConversions);
    this.#plan = new SlotPlan(options.trouble, this.#draws);
    this.#conversionShare = options.conversionsPerClick / (1 + options.conversionsPerClick);
    const clickSpacingMs = clicks.spacingMs * options.partitions;
    this.slotSpacingMs = clickSpacingMs * (1 - this.#conversionShare) * (1 - this.#plan.extraShare);
    this.displacementMsMax = options.clickDelayMaxMs + options.disorderMaxMs + 3 * clickSpacingMs + 3000;
    const conversionSlots = this.#conversionShare === 0 ? 0 : 1 / this.#conversionShare;
    this.lookBackSlotsMax = Math.ceil((LOOK_BACK + 1) * 2 * Math.max(2, conversionSlots));
  }

  arrivalMs(slot: number): number {
    const regular = this.#plan.regularOf(slot);
    if (!this.#plan.isExtra(slot)) return this.#regularArrivalMs(this.#isConversion(regular), regular);
    const extra = this.#global(this.#plan.extraOf(slot));
    return this.#extraArrivalMs(regular, extra, this.#plan.troubleOf(extra));
  }

  entryOf(slot: number): LogEntry {
    const regular = this.#plan.regularOf(slot);
    if (!this.#plan.isExtra(slot)) {
      const isConversion = this.#isConversion(regular);
      const receivedAtMs = this.#regularArrivalMs(isConversion, regular);
      return { event: this.#regularEvent(isConversion, regular), trouble: 'good', receivedAtMs };
    }
    const extra = this.#global(this.#plan.extraOf(slot));
    const trouble = this.#plan.troubleOf(extra);
    const receivedAtMs = this.#extraArrivalMs(regular, extra, trouble);
    return { event: this.#extraEvent(regular, extra, trouble, receivedAtMs), trouble, receivedAtMs };
  }

  #regularArrivalMs(isConversion: boolean, regular: number): number {
    return isConversion
      ? this.#conversions.receivedAtMs(this.#global(this.#conversionsBefore(regular)))
      : this.#clicks.receivedAtMs(this.#global(regular - this.#conversionsBefore(regular)));
  }

  #regularEvent(isConversion: boolean, regular: number): SimClick | SimConversion {
    return isConversion
      ? this.#conversions.at(this.#global(this.#conversionsBefore(regular)))
      : this.#clicks.at(this.#global(regular - this.#conversionsBefore(regular)));
  }

  #extraArrivalMs(regular: number, extra: number, trouble: Trouble): number {
    if (trouble === 'naturalDuplicate' || trouble === 'syntheticDuplicate') {
      const gapMs = this.#timing.duplicateGapMs(this.#draws.unit(SALT_EXTRA.gap, extra));
      return this.#originalArrivalMs(regular, extra) + gapMs;
    }
    const click = this.#global(regular - this.#conversionsBefore(regular));
    return this.#options.startMs + Math.floor(click * this.#clicks.spacingMs);
  }

  #extraEvent(regular: number, extra: number, trouble: Trouble, receivedAtMs: number): SimClick | SimConversion {
    if (trouble === 'naturalDuplicate') return this.#original(regular, extra);
    if (trouble === 'syntheticDuplicate') return this.#collisionOf(this.#original(regular, extra));
    const timeMs = extraEventTimeMs(this.#options, this.#draws, trouble, extra, receivedAtMs);
    const isReferenceUnknown = trouble === 'unknownReference';
    if (this.#isExtraConversion(extra, trouble)) return this.#conversions.extraAt(extra, timeMs, isReferenceUnknown);
    return this.#clicks.extraAt(extra, timeMs, { isOrphan: trouble === 'orphan', isReferenceUnknown });
  }

  /** A row without ids cannot collide: it comes again as it was. */
  #collisionOf(original: SimClick | SimConversion): SimClick | SimConversion {
    if (original.kind === 'click')
      return original.clickId === undefined ? original : this.#clicks.collisionOf(original);
    return original.conversionId === undefined ? original : this.#conversions.collisionOf(original);
  }

  #isExtraConversion(extra: number, trouble: Trouble): boolean {
    if (trouble === 'badValue') return true;
    return trouble !== 'orphan' && this.#draws.unit(SALT_EXTRA.kind, extra) < this.#conversionShare;
  }

  #originalArrivalMs(regular: number, extra: number): number {
    const index = this.#originalIndex(regular, extra);
    return this.#isExtraConversion(extra, 'naturalDuplicate')
      ? this.#conversions.receivedAtMs(index)
      : this.#clicks.receivedAtMs(index);
  }

  #original(regular: number, extra: number): SimClick | SimConversion {
    const index = this.#originalIndex(regular, extra);
    return this.#isExtraConversion(extra, 'naturalDuplicate') ? this.#conversions.at(index) : this.#clicks.at(index);
  }

  #originalIndex(regular: number, extra: number): number {
    const conversions = this.#conversionsBefore(regular);
    const before = this.#isExtraConversion(extra, 'naturalDuplicate') ? conversions : regular - conversions;
    return this.#global(Math.max(0, before - 1 - this.#draws.below(SALT_EXTRA.back, extra, LOOK_BACK)));
  }

  #isConversion(regular: number): boolean {
    return this.#conversionsBefore(regular + 1) > this.#conversionsBefore(regular);
  }

  #conversionsBefore(regular: number): number {
    return Math.floor(regular * this.#conversionShare);
  }

  #global(local: number): number {
    return local * this.#options.partitions + this.#partition;
  }
}
