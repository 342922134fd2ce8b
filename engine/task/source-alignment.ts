import { type AlignmentGroup, type AlignmentMember, HOLDS_NOBODY_BACK } from '../time/alignment-group.ts';
import type { WatermarkAlignment } from '../time/watermark-alignment.ts';
import { MIN_TIMESTAMP_MS } from '../time/timestamps.ts';
import type { SourceReader, SourceSplit } from './source.ts';
import { NOTHING_READ, type TimedSplit } from './timed-split.ts';

/** In a group that nobody asked for, a split without a record for so long holds nobody back, milliseconds. */
const QUIET_MS = 10_000;

/** A group with how this source is aligned in it. */
export interface JoinedAlignment {
  readonly group: AlignmentGroup;
  readonly settings: WatermarkAlignment;
  /** See `AlignmentGroup.join`. */
  readonly slot?: number | undefined;
}

/**
 * Keeps the splits of a source subtask within the drift of their group: tells the group how far they are, and holds those
 * that are too far ahead. Held means not read; what has been read goes on.
 *
 * Law: a split is held only while it is more than the drift ahead of the group's minimum; an idle one never.
 */
export class SourceAlignment {
  readonly #group: AlignmentGroup;
  readonly #member: AlignmentMember;
  readonly #settings: WatermarkAlignment;
  readonly #reader: SourceReader<unknown, SourceSplit>;
  readonly #splits: AlignedSplit[] = [];
  #appliedMinimumMs = HOLDS_NOBODY_BACK;
  /** No split may be read. */
  #isHeld = false;
  #hasLeft = false;

  constructor({ group, settings, slot }: JoinedAlignment, reader: SourceReader<unknown, SourceSplit>) {
    this.#group = group;
    this.#settings = settings;
    this.#reader = reader;
    this.#member = group.join(() => this.report(), slot);
  }

  /** How far the foremost split is ahead of the group, milliseconds; 0 when nobody holds it back. */
  get driftMs(): number {
    const { minimumMs } = this.#group;
    let foremostMs = minimumMs;
    for (const { positionMs } of this.#splits) if (positionMs > foremostMs) foremostMs = positionMs;
    return minimumMs === HOLDS_NOBODY_BACK ? 0 : foremostMs - minimumMs;
  }

  add(split: TimedSplit): void {
    this.#splits.push(new AlignedSplit(split, this.#settings.isByDefault === true));
    this.report();
  }

  remove(split: TimedSplit): void {
    this.#splits.splice(
      this.#splits.findIndex(({ timed }) => timed === split),
      1,
    );
    this.report();
  }

  /** Holds nobody back any more, and is not held. */
  leave(): void {
    this.#hasLeft = true;
    this.#group.leave(this.#member);
  }

  mayRead(): boolean {
    if (this.#group.minimumMs !== this.#appliedMinimumMs) this.#holdAndResume();
    return !this.#isHeld;
  }

  /** Records may have been read, or splits turned idle. */
  report(): void {
    if (this.#hasLeft) return;
    let lowestMs = HOLDS_NOBODY_BACK;
    for (const split of this.#splits) {
      split.update();
      if (split.positionMs < lowestMs && this.#holdsBack(split)) lowestMs = split.positionMs;
    }
    this.#member.report(lowestMs);
    this.#holdAndResume();
  }

  #holdsBack({ timed, readAtMs }: AlignedSplit): boolean {
    if (timed.isIdle) return false;
    if (this.#settings.isByDefault !== true) return true;
    return timed.clock.nowMs() - readAtMs <= QUIET_MS && this.#reader.hasBacklog?.(timed.splitId) !== false;
  }

  #holdAndResume(): void {
    const { minimumMs } = this.#group;
    this.#appliedMinimumMs = minimumMs;
    const limitMs = minimumMs + this.#settings.maxDriftMs;
    if (this.#reader.pauseOrResumeSplits === undefined) this.#holdWhole(limitMs);
    else this.#holdSplits(limitMs);
  }

  #holdSplits(limitMs: number): void {
    const toPause: string[] = [];
    const toResume: string[] = [];
    let heldCount = 0;
    for (const split of this.#splits) {
      const isHeld = split.positionMs > limitMs && !split.timed.isIdle;
      if (isHeld) heldCount++;
      if (split.hold(isHeld)) (isHeld ? toPause : toResume).push(split.timed.splitId);
    }
    this.#isHeld = heldCount > 0 && heldCount === this.#splits.length;
    if (toPause.length > 0 || toResume.length > 0) this.#reader.pauseOrResumeSplits!(toPause, toResume);
  }

  /** The reader cannot leave out single splits: it is held when all of them are ahead. */
  #holdWhole(limitMs: number): void {
    this.#isHeld =
      this.#splits.length > 0 && this.#splits.every(({ positionMs, timed }) => positionMs > limitMs && !timed.isIdle);
    for (const split of this.#splits) split.hold(this.#isHeld);
  }
}

/** How far a split has been read. */
class AlignedSplit {
  readonly timed: TimedSplit;
  /** Milliseconds of event time; MIN at first. */
  positionMs: number = MIN_TIMESTAMP_MS;
  /** When its last record was read, by the split's clock. */
  readAtMs: number;
  readonly #isByTimestamps: boolean;
  #lastTimestampMs = NOTHING_READ;
  #isHeld = false;

  constructor(timed: TimedSplit, isByTimestamps: boolean) {
    this.timed = timed;
    this.#isByTimestamps = isByTimestamps;
    this.readAtMs = timed.clock.nowMs();
  }

  update(): void {
    if (!this.#isByTimestamps) {
      this.positionMs = this.timed.watermarkMs;
      return;
    }
    const timestampMs = this.timed.lastTimestampMs;
    if (timestampMs === NOTHING_READ) return;
    this.timed.lastTimestampMs = NOTHING_READ;
    this.readAtMs = this.timed.clock.nowMs();
    // The lower of the last two batches' ends: a single record with a time from the future holds nobody.
    const before = this.#lastTimestampMs;
    this.positionMs = before === NOTHING_READ ? timestampMs : Math.min(before, timestampMs);
    this.#lastTimestampMs = timestampMs;
  }

  /** @returns whether that is new. */
  hold(isHeld: boolean): boolean {
    if (isHeld === this.#isHeld) return false;
    this.#isHeld = isHeld;
    this.timed.clock.setPaused('alignment', isHeld);
    return true;
  }
}
