import { ByteReader } from '../../../engine/base/bytes.ts';
import { BidRequestWire } from '../bid-request-wire.ts';
import type { RawRecord } from '../raw-record.ts';
import type { AttributionRules } from '../rules.ts';
import type { BidRequest } from '../schemas.ts';
import { eventTimeOf, receivedAtOf } from './check-time.ts';
import { checkCurrency, checkMicros } from './money.ts';
import { RowError } from './row-error.ts';

/**
 * One bid request: as the source has decoded it, or in Avro binary form in the schema as we know it.
 *
 * @throws RowError when the quality gate refuses it.
 */
export function parseBidRequest(raw: RawRecord, rules: AttributionRules): BidRequest {
  const { decoded } = raw;
  if (decoded instanceof RowError) throw decoded;
  const wire = decoded ?? decodeDatum(raw.bytes);
  const at = eventTimeOf('timestamp', wire.timestamp, raw, rules);
  const auction = wire.auction_details;
  if (wire.user_id === '') throw new RowError('REQUIRED_MISSING', 'user_id: expected a text, found nothing');
  if (auction.auction_id === '')
    throw new RowError('REQUIRED_MISSING', 'auction_details.auction_id: expected a text, found nothing');
  const floor = auction.bid_floor_cpm_micros;
  return {
    auctionId: auction.auction_id,
    at,
    userId: wire.user_id,
    impId: auction.imp_id,
    placement: auction.placement,
    publisherId: wire.publisher_id,
    deviceType: wire.device_type,
    country: wire.country,
    bidFloorCpmMicros: floor === undefined ? undefined : checkMicros('bid_floor_cpm_micros', floor),
    // OpenRTB: `cur` defaults to USD.
    currency: checkCurrency('currency', auction.currency ?? 'USD'),
    targeting: wire.ad_targeting_criteria,
    receivedAt: receivedAtOf(raw),
    sourcePartition: raw.partition,
    sourceOffset: raw.offset,
  };
}

function decodeDatum(bytes: Uint8Array): BidRequestWire {
  const reader = new ByteReader(bytes);
  let wire: BidRequestWire;
  try {
    wire = BidRequestWire.decode(reader);
  } catch (error) {
    throw new RowError('PARSE', `expected a BidRequest in Avro: ${(error as Error).message}`);
  }
  if (reader.remaining === 0) return wire;
  throw new RowError('PARSE', `expected the end of the datum, found ${reader.remaining} bytes more`);
}
