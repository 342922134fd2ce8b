import { MIN_TIMESTAMP_MS } from './timestamps.ts';

/** Lowest position of a member that holds nobody back. */
export const HOLDS_NOBODY_BACK = Infinity;

/**
 * The source subtasks that are aligned with each other: each reports the lowest position among its splits, and the minimum
 * of all says how far any of them may go.
 *
 * Law: the member with the lowest position is never held, so some member can always be read.
 */
export class AlignmentGroup {
  protected readonly members: Set<AlignmentMember> = new Set();
  readonly #onMinimumChanged: () => void;
  #minimumMs = HOLDS_NOBODY_BACK;

  /** @param onMinimumChanged members that are held may be read again. */
  constructor(onMinimumChanged: () => void) {
    this.#onMinimumChanged = onMinimumChanged;
  }

  /** Lowest position of all, milliseconds of event time; Infinity when nobody is held back. */
  get minimumMs(): number {
    return this.#minimumMs;
  }

  /** All members have ended. */
  get isEmpty(): boolean {
    return this.members.size === 0;
  }

  /**
   * A member holds all others at the start of time until it has reported.
   *
   * @param slot which one it is of those on all threads; see `SharedAlignmentGroup`.
   */
  join(refresh: () => void, slot: number = 0): AlignmentMember {
    const member = new AlignmentMember(this, refresh, slot);
    this.members.add(member);
    this.combine();
    return member;
  }

  leave(member: AlignmentMember): void {
    if (this.members.delete(member)) this.combine();
  }

  /** Asks all members anew: a split may have become quiet. */
  refresh(): void {
    for (const member of this.members) member.refresh();
  }

  combine(): void {
    let minimumMs = HOLDS_NOBODY_BACK;
    for (const { positionMs } of this.members) if (positionMs < minimumMs) minimumMs = positionMs;
    if (minimumMs === this.#minimumMs) return;
    this.#minimumMs = minimumMs;
    this.#onMinimumChanged();
  }
}

/** One source subtask in its group. */
export class AlignmentMember {
  readonly group: AlignmentGroup;
  /** Makes the member report. */
  readonly refresh: () => void;
  readonly slot: number;
  #positionMs = MIN_TIMESTAMP_MS;

  constructor(group: AlignmentGroup, refresh: () => void, slot: number) {
    this.group = group;
    this.refresh = refresh;
    this.slot = slot;
  }

  get positionMs(): number {
    return this.#positionMs;
  }

  report(positionMs: number): void {
    if (positionMs === this.#positionMs) return;
    this.#positionMs = positionMs;
    this.group.combine();
  }
}
