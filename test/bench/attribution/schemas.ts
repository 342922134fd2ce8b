import { optional } from '../../../state/schema/optional.ts';
import { pick, record } from '../../../state/schema/record.ts';
import { int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { union } from '../../../state/schema/union.ts';

/** The events as they are written. */
export const Impression = record('Impression', {
  impression_id: string(),
  ts: timestampMs(),
  user_id: string(),
  campaign_id: string(),
  ad_creative_id: string(),
  website: string(),
  page_url: string(),
  device: string(),
  country: string(),
  price_micros: long(),
});
export const Click = record('Click', {
  click_id: string(),
  impression_id: string(),
  event_timestamp: timestampMs(),
  user_id: string(),
  ad_campaign_id: string(),
  landing_url: string(),
});
export const Conversion = record('Conversion', {
  event_id: string(),
  event_timestamp: timestampMs(),
  user_id: string(),
  ad_campaign_id: string(),
  click_id: string(),
  conversion_type: string(),
  value_micros: long(),
});
export const WrittenEvent = union('type', { impression: Impression, click: Click, conversion: Conversion });

/** What the join reads of them: decoders pass over the rest. */
export const ReadImpression = pick(Impression, [
  'impression_id',
  'ts',
  'user_id',
  'campaign_id',
  'ad_creative_id',
  'website',
  'price_micros',
]);
export const ReadClick = pick(Click, ['click_id', 'impression_id', 'event_timestamp']);
export const ReadEvent = union('type', { impression: ReadImpression, click: ReadClick });
export type ReadEvent = Infer<typeof ReadEvent>;

/** The same from JSON, where the kinds stand beside each other. */
export const JsonEvent = record('JsonEvent', {
  event_type: int(),
  impression: optional(ReadImpression),
  click: optional(ReadClick),
});
export type JsonEvent = Infer<typeof JsonEvent>;

export function readEventOf(event: JsonEvent): ReadEvent {
  const { impression, click } = event;
  // Plain JSON.parse gives null where our decoder gives undefined.
  if (impression !== undefined && impression !== null) {
    return {
      type: 'impression',
      impression_id: impression.impression_id,
      ts: impression.ts,
      user_id: impression.user_id,
      campaign_id: impression.campaign_id,
      ad_creative_id: impression.ad_creative_id,
      website: impression.website,
      price_micros: impression.price_micros,
    };
  }
  return {
    type: 'click',
    click_id: click!.click_id,
    impression_id: click!.impression_id,
    event_timestamp: click!.event_timestamp,
  };
}

/** What is kept of an impression. */
export const Kept = record('Kept', {
  at: timestampMs(),
  userId: string(),
  campaignId: string(),
  creativeId: string(),
  website: string(),
  priceMicros: long(),
});
export type Kept = Infer<typeof Kept>;

export const Match = record('Match', {
  clickId: string(),
  impressionId: string(),
  clickAt: timestampMs(),
  impressionAt: timestampMs(),
  userId: string(),
  campaignId: string(),
  creativeId: string(),
  website: string(),
  priceMicros: long(),
});
export type Match = Infer<typeof Match>;
