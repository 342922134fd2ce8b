import type { Trouble } from '../log/slot-plan.ts';
import type { SimImpression } from '../world/impressions.ts';
import { COUNTRIES, creativeName, DEVICES, publisherName, userName, websiteName } from '../world/population.ts';
import { badTimestampOf, cutText } from './corruption.ts';
import { timestampText } from './timestamp-text.ts';

const OPERATING_SYSTEMS = ['android', 'windows', 'ios', 'tizen'] as const;

/** One line of JSON as the ad server writes it. Rows without ids have the four fields of the case only. */
export function impressionJson(impression: SimImpression, trouble: Trouble, auctionId: string): Uint8Array {
  const bad = badTimestampOf(trouble, impression.index);
  const text = timestampText(impression.timeMs, impression.timeForm);
  const isNumber = bad === undefined && (impression.timeForm === 'millis' || impression.timeForm === 'seconds');
  const time = isNumber ? text : `"${bad ?? text}"`;
  const user = trouble === 'missingField' ? '' : `"user_id":"${userName(impression.user)}",`;
  const creative = creativeName(impression.creative) + (impression.isReferenceUnknown ? '-unknown' : '');
  const website = websiteName(impression.publisher);
  const json =
    impression.impressionId === undefined
      ? `{"ad_creative_id":"${creative}",${user}"timestamp":${time},"website":"${website}"}`
      : `{"impression_id":"${impression.impressionId}","timestamp":${time},${user}"ad_creative_id":"${creative}","website":"${website}","publisher_id":"${publisherName(impression.publisher)}","placement":"slot-${impression.publisher % 7}","auction_id":"${auctionId}","device":{"type":"${DEVICES[impression.device]}","os":"${OPERATING_SYSTEMS[impression.device]}"},"geo":{"country":"${COUNTRIES[impression.country]}"},"price_micros":${impression.priceMicros},"currency":"${impression.currency}"}`;
  return Buffer.from(trouble === 'unparseable' ? cutText(json) : json, 'latin1');
}
