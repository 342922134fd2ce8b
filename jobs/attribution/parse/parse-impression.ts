import type { AdCatalog } from '../catalog.ts';
import { rowId } from '../event-id.ts';
import type { RawRecord } from '../raw-record.ts';
import type { AttributionRules } from '../rules.ts';
import type { Impression } from '../schemas.ts';
import { eventTimeOf, receivedAtOf } from './check-time.ts';
import { checkCurrency, checkMicros } from './money.ts';
import { RowError, shown } from './row-error.ts';

/**
 * One JSON object of the ad server: `ad_creative_id, user_id, timestamp, website` are required, all else may be missing.
 *
 * @throws RowError when the quality gate refuses it.
 */
export function parseImpression(raw: RawRecord, catalog: AdCatalog, rules: AttributionRules): Impression {
  const row = parseJson(raw.bytes);
  const at = eventTimeOf('timestamp', row['timestamp'], raw, rules);
  const userId = requiredText(row, 'user_id');
  const creativeId = requiredText(row, 'ad_creative_id');
  const website = requiredText(row, 'website');
  const campaign = catalog.campaignOfCreative(creativeId);
  if (campaign === undefined) {
    throw new RowError('UNKNOWN_REF', `ad_creative_id: creative ${shown(creativeId)} is not in the catalog`);
  }
  const sourceId = optionalText(row, 'impression_id');
  const price = row['price_micros'] ?? undefined;
  const currency = optionalText(row, 'currency');
  if (price !== undefined && currency === undefined)
    throw new RowError('REQUIRED_MISSING', 'currency: expected beside price_micros, found nothing');
  const device = row['device'];
  const geo = row['geo'];
  return {
    impressionId: sourceId ?? rowId('impression', userId, creativeId, at, website),
    at,
    userId,
    creativeId,
    campaignId: campaign.campaignId,
    advertiserId: campaign.advertiserId,
    website,
    publisherId: optionalText(row, 'publisher_id'),
    placement: optionalText(row, 'placement'),
    auctionId: optionalText(row, 'auction_id'),
    deviceType: isObject(device) ? optionalText(device, 'type') : undefined,
    country: isObject(geo) ? optionalText(geo, 'country') : undefined,
    priceMicros: price === undefined ? undefined : checkMicros('price_micros', price as number),
    currency: currency === undefined ? undefined : checkCurrency('currency', currency),
    idOrigin: sourceId === undefined ? 'row' : 'source',
    receivedAt: receivedAtOf(raw),
    sourcePartition: raw.partition,
    sourceOffset: raw.offset,
  };
}

type JsonObject = Record<string, unknown>;

function parseJson(bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch (error) {
    throw new RowError('PARSE', `expected a JSON object: ${(error as Error).message}`);
  }
  if (!isObject(value)) throw new RowError('SCHEMA', `expected a JSON object, found ${shown(value)}`);
  return value;
}

function requiredText(row: JsonObject, field: string): string {
  const text = optionalText(row, field);
  if (text === undefined) throw new RowError('REQUIRED_MISSING', `${field}: expected a text, found nothing`);
  return text;
}

/** Null, missing and empty are all nothing. */
function optionalText(row: JsonObject, field: string): string | undefined {
  const value = row[field];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new RowError('SCHEMA', `${field}: expected a text, found ${shown(value)}`);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
