import { record } from '../../../state/schema/record.ts';
import { int, string, timestampMs } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { collisionId } from '../event-id.ts';
import type { DuplicateRecord, EventKind, SourceName } from '../schemas.ts';

/** An id that has been used, and by what. */
export const SeenId = record('SeenId', {
  id: string(),
  at: timestampMs(),
  fingerprint: int(),
});
export type SeenId = Infer<typeof SeenId>;

/**
 * The earlier event that makes an event at `at` a duplicate: one of the same id, unless it lies `windowMs` or more before.
 * The limit is on event time, so that the answer does not depend on when state is removed.
 */
export function findSeen(seen: readonly SeenId[], id: string, at: number, windowMs: number): SeenId | undefined {
  for (const known of seen) if (known.id === id && at < known.at + windowMs) return known;
  return undefined;
}

/** What is said about a duplicate. */
export function duplicateOf(options: {
  readonly source: SourceName;
  readonly kind: EventKind;
  readonly eventId: string;
  readonly parentId: string;
  readonly fingerprint: number;
  readonly parentFingerprint: number;
  readonly event: {
    readonly at: number;
    readonly userId: string;
    readonly sourcePartition: number;
    readonly sourceOffset: number;
  };
}): DuplicateRecord {
  const { source, kind, eventId, parentId, fingerprint, parentFingerprint, event } = options;
  const isNatural = fingerprint === parentFingerprint;
  return {
    source,
    sourcePartition: event.sourcePartition,
    sourceOffset: event.sourceOffset,
    kind,
    duplicateKind: isNatural ? 'natural' : 'synthetic',
    parentId,
    eventId: isNatural ? eventId : collisionId(eventId, fingerprint),
    at: event.at,
    userId: event.userId,
  };
}
