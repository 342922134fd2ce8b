import type { ResolvedOptions } from '../options.ts';
import type { BidRequests, SimBidRequest } from '../world/bid-requests.ts';
import { Draws } from '../world/draw.ts';
import type { Timing } from '../world/timing.ts';
import { extraEventTimeMs } from './extra-timing.ts';
import { EXTRA_DRAWS, type LogEntry, type LogModel, SALT_EXTRA } from './log-model.ts';
import { SlotPlan, type Trouble } from './slot-plan.ts';

/** A duplicate repeats one of the last this many requests of its partition. */
const LOOK_BACK = 4;

/** One partition of the bid requests. */
export class BidRequestLog implements LogModel {
  readonly startMs: number;
  readonly slotSpacingMs: number;
  readonly displacementMsMax: number;
  readonly lookBackSlotsMax = LOOK_BACK * 2;
  readonly #options: ResolvedOptions;
  readonly #requests: BidRequests;
  readonly #timing: Timing;
  readonly #partition: number;
  readonly #draws: Draws;
  readonly #plan: SlotPlan;

  constructor(options: ResolvedOptions, requests: BidRequests, timing: Timing, partition: number) {
    this.#options = options;
    this.startMs = options.startMs;
    this.#requests = requests;
    this.#timing = timing;
    this.#partition = partition;
    this.#draws = new Draws(options.seed, EXTRA_DRAWS.bidRequests);
    const { naturalDuplicate, syntheticDuplicate, late, unparseable, missingField, futureTimestamp } = options.trouble;
    this.#plan = new SlotPlan(
      { naturalDuplicate, syntheticDuplicate, late, unparseable, missingField, futureTimestamp },
      this.#draws,
    );
    const regularSpacingMs = requests.spacingMs * options.partitions;
    this.slotSpacingMs = regularSpacingMs * (1 - this.#plan.extraShare);
    // The winner's time follows its impression, which lies up to a group of requests and three seconds away.
    this.displacementMsMax =
      options.disorderMaxMs + regularSpacingMs + requests.spacingMs * options.bidRequestsPerImpression + 3000;
  }

  arrivalMs(slot: number): number {
    if (!this.#plan.isExtra(slot)) return this.#requests.receivedAtMs(this.#global(this.#plan.regularOf(slot)));
    const extra = this.#global(this.#plan.extraOf(slot));
    return this.#extraArrivalMs(slot, extra, this.#plan.troubleOf(extra));
  }

  entryOf(slot: number): LogEntry {
    if (!this.#plan.isExtra(slot)) {
      const index = this.#global(this.#plan.regularOf(slot));
      return { event: this.#requests.at(index), trouble: 'good', receivedAtMs: this.#requests.receivedAtMs(index) };
    }
    const extra = this.#global(this.#plan.extraOf(slot));
    const trouble = this.#plan.troubleOf(extra);
    const receivedAtMs = this.#extraArrivalMs(slot, extra, trouble);
    return { event: this.#extraEvent(slot, extra, trouble, receivedAtMs), trouble, receivedAtMs };
  }

  #extraArrivalMs(slot: number, extra: number, trouble: Trouble): number {
    if (trouble === 'naturalDuplicate' || trouble === 'syntheticDuplicate') {
      const gapMs = this.#timing.duplicateGapMs(this.#draws.unit(SALT_EXTRA.gap, extra));
      return this.#requests.receivedAtMs(this.#original(slot, extra)) + gapMs;
    }
    return this.#options.startMs + Math.floor(this.#global(this.#plan.regularOf(slot)) * this.#requests.spacingMs);
  }

  #extraEvent(slot: number, extra: number, trouble: Trouble, receivedAtMs: number): SimBidRequest {
    if (trouble === 'naturalDuplicate') return this.#requests.at(this.#original(slot, extra));
    if (trouble === 'syntheticDuplicate')
      return this.#requests.collisionOf(this.#requests.at(this.#original(slot, extra)));
    return this.#requests.extraAt(extra, extraEventTimeMs(this.#options, this.#draws, trouble, extra, receivedAtMs));
  }

  #original(slot: number, extra: number): number {
    const local = this.#plan.regularOf(slot) - 1 - this.#draws.below(SALT_EXTRA.back, extra, LOOK_BACK);
    return this.#global(Math.max(0, local));
  }

  #global(local: number): number {
    return local * this.#options.partitions + this.#partition;
  }
}
