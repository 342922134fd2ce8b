import type { TimerHandle } from '../../../engine/base/environment.ts';
import { UserError } from '../../../engine/base/errors.ts';
import type {
  ReaderContext,
  ReaderStatus,
  SourceOutput,
  SourceReader,
  SplitOutput,
} from '../../../engine/task/source.ts';
import { NO_TIMESTAMP } from '../../../engine/time/timestamps.ts';
import { Availability } from '../base/availability.ts';
import { type GeneratorSplit, splitOf } from './generator-split.ts';

/** A paced reader that fell behind makes up for at most this much, then goes on at its rate. */
const CATCH_UP_MS_MAX = 1_000;

export interface GeneratorReaderOptions<T> {
  readonly context: ReaderContext;
  readonly description: string;
  readonly countOf: (splitIndex: number) => number;
  readonly recordAt: (splitIndex: number, index: number) => T;
  readonly timestampOf: ((value: T) => number) | undefined;
  /** Undefined: unlimited. */
  readonly splitRecordsPerSecond: number | undefined;
  /** Undefined: `splitRecordsPerSecond` decides. */
  readonly dueMs: ((splitIndex: number, index: number) => number) | undefined;
}

interface ActiveSplit<T> {
  readonly splitIndex: number;
  readonly splitId: string;
  readonly end: number;
  /** Index of the next record. */
  position: number;
  isPaused: boolean;
  output: SplitOutput<T> | undefined;
  /** Pace: at `paceStartMs` (monotonic) the record `paceStartPosition` was due, or what `dueMs` calls `paceStartDueMs`. */
  paceStartMs: number;
  paceStartPosition: number;
  paceStartDueMs: number;
}

/** Reads the splits of a generator side by side: every poll takes about the same number of records from each. */
export class GeneratorReader<T> implements SourceReader<T, GeneratorSplit> {
  readonly #options: GeneratorReaderOptions<T>;
  readonly #availability = new Availability();
  #splits: ActiveSplit<T>[] = [];
  /** Turn of the splits when a poll cannot serve them all. */
  #nextSplit = 0;
  #hasAllSplits = false;
  #timer: TimerHandle | undefined;

  constructor(options: GeneratorReaderOptions<T>) {
    this.#options = options;
  }

  async start(): Promise<void> {}

  addSplits(splits: readonly GeneratorSplit[]): void {
    const nowMs = this.#nowMs();
    for (const { splitIndex, splitId, position } of splits) {
      this.#splits.push({
        splitIndex,
        splitId,
        end: this.#options.countOf(splitIndex),
        position,
        isPaused: false,
        output: undefined,
        paceStartMs: nowMs,
        paceStartPosition: position,
        paceStartDueMs: this.#paceStartDueMs(splitIndex, position),
      });
    }
    this.#splits.sort((a, b) => a.splitIndex - b.splitIndex);
    this.#availability.signal();
  }

  noMoreSplits(): void {
    this.#hasAllSplits = true;
    this.#availability.signal();
  }

  poll(output: SourceOutput<T>, recordCountMax: number): ReaderStatus {
    const splits = this.#splits;
    const nowMs = this.#nowMs();
    let remaining = recordCountMax;
    let hasMore = false;
    let hasFinished = false;
    for (let k = 0; k < splits.length; k++) {
      const split = splits[(this.#nextSplit + k) % splits.length]!;
      if (split.isPaused) continue;
      split.output ??= output.forSplit(split.splitId);
      const share = Math.ceil(remaining / (splits.length - k));
      const due = this.#dueBefore(split, nowMs, share);
      const count = Math.min(due - split.position, share);
      if (count > 0) this.#emit(split, split.output, count);
      remaining -= Math.max(0, count);
      if (split.position >= split.end) hasFinished = true;
      else if (split.position < due) hasMore = true;
    }
    this.#nextSplit = splits.length === 0 ? 0 : (this.#nextSplit + 1) % splits.length;
    if (hasFinished) this.#release(output);
    if (hasMore) return 'more';
    return this.#hasAllSplits && this.#splits.length === 0 ? 'end' : 'empty';
  }

  available(): Promise<void> {
    this.#setTimer();
    return this.#availability.wait();
  }

  snapshotState(): readonly GeneratorSplit[] {
    return this.#splits.map((split) => splitOf(split.splitIndex, split.position));
  }

  pauseOrResumeSplits(toPause: readonly string[], toResume: readonly string[]): void {
    const nowMs = this.#nowMs();
    for (const split of this.#splits) {
      if (toPause.includes(split.splitId)) split.isPaused = true;
      if (!split.isPaused || !toResume.includes(split.splitId)) continue;
      split.isPaused = false;
      // What was due meanwhile is made up for.
      if (this.#options.dueMs !== undefined) continue;
      split.paceStartMs = nowMs;
      split.paceStartPosition = split.position;
    }
    this.#availability.signal();
  }

  /** Records of the future are not there yet; those that a rate holds back are. */
  hasBacklog(splitId: string): boolean {
    const { dueMs } = this.#options;
    const split = this.#splits.find((candidate) => candidate.splitId === splitId);
    if (split === undefined || dueMs === undefined) return true;
    return split.position < this.#dueBefore(split, this.#nowMs(), 1);
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
  }

  // Hot: one call of `recordAt` and one of `collect` per record, nothing else.
  #emit(split: ActiveSplit<T>, output: SplitOutput<T>, count: number): void {
    const { recordAt, timestampOf } = this.#options;
    const end = split.position + count;
    while (split.position < end) {
      let value: T;
      let timestampMs: number;
      try {
        value = recordAt(split.splitIndex, split.position);
        timestampMs = timestampOf === undefined ? NO_TIMESTAMP : timestampOf(value);
      } catch (error) {
        const where = `source ${this.#options.description}, split ${split.splitIndex}, record ${split.position}`;
        throw new UserError('USER_FUNCTION', `${where}: recordAt threw: ${String(error)}`, { cause: error });
      }
      split.position++;
      output.collect(value, timestampMs);
    }
  }

  /** Index of the first record that may not be emitted yet; with `dueMs`, not looking more than `countMax` + 1 records ahead. */
  #dueBefore(split: ActiveSplit<T>, nowMs: number, countMax: number): number {
    const { dueMs } = this.#options;
    if (dueMs !== undefined) {
      const limitMs = nowMs - split.paceStartMs + split.paceStartDueMs;
      const end = Math.min(split.end, split.position + countMax + 1);
      let due = split.position;
      while (due < end && dueMs(split.splitIndex, due) <= limitMs) due++;
      return due;
    }
    const rate = this.#options.splitRecordsPerSecond;
    if (rate === undefined) return split.end;
    const dueOffset = Math.floor(((nowMs - split.paceStartMs) * rate) / 1000);
    const due = split.paceStartPosition + dueOffset + 1;
    if (due - split.position > Math.ceil((CATCH_UP_MS_MAX * rate) / 1000) + 1) {
      // Too far behind: skip the time that was lost.
      split.paceStartMs = nowMs - CATCH_UP_MS_MAX;
      split.paceStartPosition = split.position;
      return Math.min(split.end, split.position + Math.floor((CATCH_UP_MS_MAX * rate) / 1000) + 1);
    }
    return Math.min(split.end, due);
  }

  #paceStartDueMs(splitIndex: number, position: number): number {
    return position === 0 ? 0 : (this.#options.dueMs?.(splitIndex, position) ?? 0);
  }

  #release(output: SourceOutput<T>): void {
    for (const split of this.#splits) if (split.position >= split.end) output.releaseSplit(split.splitId);
    this.#splits = this.#splits.filter((split) => split.position < split.end);
    this.#nextSplit = 0;
  }

  /** Wakes the task up when the next record of a paced split is due. */
  #setTimer(): void {
    const { splitRecordsPerSecond: rate, dueMs } = this.#options;
    if (rate === undefined && dueMs === undefined) return;
    let nextMs = Infinity;
    for (const split of this.#splits) {
      if (split.isPaused) continue;
      const offsetMs =
        dueMs === undefined
          ? ((split.position - split.paceStartPosition) * 1000) / rate!
          : dueMs(split.splitIndex, split.position) - split.paceStartDueMs;
      nextMs = Math.min(nextMs, split.paceStartMs + offsetMs);
    }
    this.#timer?.cancel();
    if (nextMs === Infinity) return;
    const delayMs = Math.max(1, Math.ceil(nextMs - this.#nowMs()));
    this.#timer = this.#options.context.environment.scheduler.setTimer(delayMs, () => this.#availability.signal());
  }

  #nowMs(): number {
    return this.#options.context.environment.clock.monotonicMs();
  }
}
