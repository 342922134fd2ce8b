import type { EventKind, LateRecord, SourceName } from './schemas.ts';

/** What is kept of an event that came too late. */
export function lateRecord(
  source: SourceName,
  kind: EventKind,
  eventId: string,
  event: {
    readonly at: number;
    readonly receivedAt?: number | undefined;
    readonly userId: string;
    readonly sourcePartition: number;
    readonly sourceOffset: number;
  },
): LateRecord {
  return {
    source,
    sourcePartition: event.sourcePartition,
    sourceOffset: event.sourceOffset,
    kind,
    eventId,
    at: event.at,
    receivedAt: event.receivedAt,
    userId: event.userId,
  };
}
