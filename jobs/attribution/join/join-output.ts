import type {
  Click,
  Conversion,
  DuplicateRecord,
  Impression,
  JoinedClick,
  Unmatched,
  UnmatchedReason,
} from '../schemas.ts';

/** Where a join sends what it finds out, and the timers of its current key. */
export interface JoinOutput {
  impression(impression: Impression): void;
  joined(click: JoinedClick): void;
  unmatched(unmatched: Unmatched): void;
  duplicate(duplicate: DuplicateRecord): void;
  /** Calls the join back for this key when the watermark reaches `timestampMs`. */
  registerTimer(timestampMs: number): void;
}

export function unmatchedOf(
  kind: 'click' | 'conversion',
  eventId: string,
  event: Click | Conversion,
  reason: UnmatchedReason,
): Unmatched {
  return {
    kind,
    eventId,
    at: event.at,
    userId: event.userId,
    campaignId: event.campaignId,
    reason,
    receivedAt: event.receivedAt,
    sourcePartition: event.sourcePartition,
    sourceOffset: event.sourceOffset,
  };
}
