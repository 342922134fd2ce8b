import type { AdCatalog } from '../catalog.ts';
import { rowId } from '../event-id.ts';
import type { RawRecord } from '../raw-record.ts';
import type { AttributionRules } from '../rules.ts';
import type { Click, Conversion } from '../schemas.ts';
import { eventTimeOf, receivedAtOf } from './check-time.ts';
import { splitCsvRow } from './csv-row.ts';
import { checkCurrency, decimalToMicros } from './money.ts';
import { RowError, shown } from './row-error.ts';

/** The columns in order. The first four are required to be there; all behind `conversion_type` may be empty. */
export const CLICK_COLUMNS = [
  'event_timestamp',
  'user_id',
  'ad_campaign_id',
  'conversion_type',
  'click_id',
  'impression_id',
  'event_id',
  'order_id',
  'advertiser_id',
  'value',
  'currency',
] as const;

/** What one row of the file is: it holds both kinds. */
export type ClickRow =
  | { readonly kind: 'click'; readonly event: Click }
  | { readonly kind: 'conversion'; readonly event: Conversion };

/**
 * One CSV line of clicks and conversions: an empty conversion type, or `click`, is a click, anything else a conversion.
 *
 * @throws RowError when the quality gate refuses it.
 */
export function parseClickRow(raw: RawRecord, catalog: AdCatalog, rules: AttributionRules): ClickRow {
  const line = Buffer.from(raw.bytes.buffer, raw.bytes.byteOffset, raw.bytes.byteLength).toString();
  const row = splitCsvRow(line, CLICK_COLUMNS.length);
  const at = eventTimeOf('event_timestamp', row[0], raw, rules);
  const userId = row[1]!;
  if (userId === '') throw new RowError('REQUIRED_MISSING', 'user_id: expected a text, found nothing');
  const type = row[3]!;
  return type === '' || type === 'click'
    ? { kind: 'click', event: clickOf(row, at, raw, catalog) }
    : { kind: 'conversion', event: conversionOf(row, at, raw, catalog) };
}

type Row = readonly string[];

function clickOf(row: Row, at: number, raw: RawRecord, catalog: AdCatalog): Click {
  const userId = row[1]!;
  const campaignId = row[2]!;
  if (campaignId === '') throw new RowError('REQUIRED_MISSING', 'ad_campaign_id: expected a text, found nothing');
  checkCampaign(campaignId, catalog);
  return {
    clickId: row[4]! === '' ? rowId('click', userId, campaignId, at) : row[4]!,
    at,
    userId,
    campaignId,
    impressionId: row[5]! === '' ? undefined : row[5]!,
    creativeId: undefined,
    idOrigin: row[4]! === '' ? 'row' : 'source',
    receivedAt: receivedAtOf(raw),
    sourcePartition: raw.partition,
    sourceOffset: raw.offset,
  };
}

function conversionOf(row: Row, at: number, raw: RawRecord, catalog: AdCatalog): Conversion {
  const userId = row[1]!;
  const campaignId = row[2]!;
  const conversionType = row[3]!;
  const advertiserId = campaignId === '' ? row[8]! : checkCampaign(campaignId, catalog);
  const value = row[9]!;
  const currency = row[10]!;
  if (value !== '' && currency === '')
    throw new RowError('REQUIRED_MISSING', 'currency: expected beside value, found nothing');
  const eventId = row[6]!;
  return {
    conversionId: eventId === '' ? rowId('conversion', userId, campaignId, conversionType, at) : eventId,
    at,
    userId,
    conversionType,
    campaignId: campaignId === '' ? undefined : campaignId,
    advertiserId: advertiserId === '' ? undefined : advertiserId,
    orderId: row[7]! === '' ? undefined : row[7]!,
    clickId: row[4]! === '' ? undefined : row[4]!,
    valueMicros: value === '' ? undefined : decimalToMicros('value', value),
    currency: currency === '' ? undefined : checkCurrency('currency', currency),
    idOrigin: eventId === '' ? 'row' : 'source',
    receivedAt: receivedAtOf(raw),
    sourcePartition: raw.partition,
    sourceOffset: raw.offset,
  };
}

/** The advertiser of a campaign. */
function checkCampaign(campaignId: string, catalog: AdCatalog): string {
  const campaign = catalog.campaign(campaignId);
  if (campaign === undefined)
    throw new RowError('UNKNOWN_REF', `ad_campaign_id: campaign ${shown(campaignId)} is not in the catalog`);
  return campaign.advertiserId;
}
