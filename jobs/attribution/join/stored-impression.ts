import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import type { Click, Impression, JoinedClick, MatchMethod } from '../schemas.ts';

/** What is kept of an impression until no click can come: the fields that a joined click takes over, nothing else. */
export const StoredImpression = record('StoredImpression', {
  at: timestampMs(),
  fingerprint: int(),
  creativeId: string(),
  campaignId: string(),
  advertiserId: string(),
  website: string(),
  publisherId: optional(string()),
  priceMicros: optional(long()),
  currency: optional(string()),
});
export type StoredImpression = Infer<typeof StoredImpression>;

export function storedImpression(impression: Impression, fingerprint: number): StoredImpression {
  return {
    at: impression.at,
    fingerprint,
    creativeId: impression.creativeId,
    campaignId: impression.campaignId,
    advertiserId: impression.advertiserId,
    website: impression.website,
    publisherId: impression.publisherId,
    priceMicros: impression.priceMicros,
    currency: impression.currency,
  };
}

/** The click with its impression's fields. Campaign and advertiser are those of the creative that was shown. */
export function joinedClick(
  click: Click,
  impressionId: string,
  impression: StoredImpression,
  matchMethod: MatchMethod,
): JoinedClick {
  return {
    clickId: click.clickId,
    at: click.at,
    userId: click.userId,
    campaignId: impression.campaignId,
    advertiserId: impression.advertiserId,
    impressionId,
    impressionAt: impression.at,
    creativeId: impression.creativeId,
    website: impression.website,
    publisherId: impression.publisherId,
    impressionPriceMicros: impression.priceMicros,
    impressionCurrency: impression.currency,
    matchMethod,
    receivedAt: click.receivedAt,
    sourcePartition: click.sourcePartition,
    sourceOffset: click.sourceOffset,
  };
}
