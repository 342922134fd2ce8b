import type { ResolvedOptions } from '../options.ts';
import { Draws } from '../world/draw.ts';
import type { Impressions, SimImpression } from '../world/impressions.ts';
import type { Timing } from '../world/timing.ts';
import { extraEventTimeMs } from './extra-timing.ts';
import { EXTRA_DRAWS, type LogEntry, type LogModel, SALT_EXTRA } from './log-model.ts';
import { SlotPlan, type Trouble } from './slot-plan.ts';

/** A duplicate repeats one of the last this many impressions of its partition. */
const LOOK_BACK = 4;

/** One partition of the impressions: number i of the world is in partition i modulo their count. */
export class ImpressionLog implements LogModel {
  readonly startMs: number;
  readonly slotSpacingMs: number;
  readonly displacementMsMax: number;
  readonly lookBackSlotsMax = LOOK_BACK * 2;
  readonly #options: ResolvedOptions;
  readonly #impressions: Impressions;
  readonly #timing: Timing;
  readonly #partition: number;
  readonly #draws: Draws;
  readonly #plan: SlotPlan;

  constructor(options: ResolvedOptions, impressions: Impressions, timing: Timing, partition: number) {
    this.#options = options;
    this.startMs = options.startMs;
    this.#impressions = impressions;
    this.#timing = timing;
    this.#partition = partition;
    this.#draws = new Draws(options.seed, EXTRA_DRAWS.impressions);
    const { badValue: _badValue, orphan: _orphan, ...rates } = options.trouble;
    this.#plan = new SlotPlan(rates, this.#draws);
    const regularSpacingMs = impressions.spacingMs * options.partitions;
    this.slotSpacingMs = regularSpacingMs * (1 - this.#plan.extraShare);
    this.displacementMsMax = options.disorderMaxMs + regularSpacingMs + 1000;
  }

  arrivalMs(slot: number): number {
    if (!this.#plan.isExtra(slot)) return this.#impressions.receivedAtMs(this.#regular(slot));
    const extra = this.#extra(slot);
    return this.#extraArrivalMs(slot, extra, this.#plan.troubleOf(extra));
  }

  entryOf(slot: number): LogEntry {
    if (!this.#plan.isExtra(slot)) {
      const index = this.#regular(slot);
      const event = this.#impressions.at(index);
      return { event, trouble: 'good', receivedAtMs: event.timeMs + this.#impressions.deliveryDelayMs(index) };
    }
    const extra = this.#extra(slot);
    const trouble = this.#plan.troubleOf(extra);
    const receivedAtMs = this.#extraArrivalMs(slot, extra, trouble);
    return { event: this.#extraEvent(slot, extra, trouble, receivedAtMs), trouble, receivedAtMs };
  }

  #extraArrivalMs(slot: number, extra: number, trouble: Trouble): number {
    if (trouble === 'naturalDuplicate' || trouble === 'syntheticDuplicate') {
      const gapMs = this.#timing.duplicateGapMs(this.#draws.unit(SALT_EXTRA.gap, extra));
      return this.#impressions.receivedAtMs(this.#original(slot, extra)) + gapMs;
    }
    return this.#options.startMs + Math.floor(this.#regular(slot) * this.#impressions.spacingMs);
  }

  #extraEvent(slot: number, extra: number, trouble: Trouble, receivedAtMs: number): SimImpression {
    if (trouble === 'naturalDuplicate') return this.#impressions.at(this.#original(slot, extra));
    if (trouble === 'syntheticDuplicate') {
      const original = this.#impressions.at(this.#original(slot, extra));
      // A row without id cannot collide: it comes again as it was.
      return original.impressionId === undefined ? original : this.#impressions.collisionOf(original, extra);
    }
    const timeMs = extraEventTimeMs(this.#options, this.#draws, trouble, extra, receivedAtMs);
    return this.#impressions.extraAt(extra, timeMs, trouble === 'unknownReference');
  }

  #original(slot: number, extra: number): number {
    const local = this.#plan.regularOf(slot) - 1 - this.#draws.below(SALT_EXTRA.back, extra, LOOK_BACK);
    return this.#global(Math.max(0, local));
  }

  #regular(slot: number): number {
    return this.#global(this.#plan.regularOf(slot));
  }

  #extra(slot: number): number {
    return this.#global(this.#plan.extraOf(slot));
  }

  #global(local: number): number {
    return local * this.#options.partitions + this.#partition;
  }
}
