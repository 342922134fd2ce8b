import { ByteWriter } from '../../../engine/base/bytes.ts';
import { BidRequestWire } from '../../attribution/bid-request-wire.ts';
import type { Trouble } from '../log/slot-plan.ts';
import type { SimBidRequest } from '../world/bid-requests.ts';
import { COUNTRIES, DEVICES, publisherName, userName } from '../world/population.ts';

const writer = new ByteWriter(256);

/** A bid request in Avro binary form, without any header. */
export function bidRequestAvro(request: SimBidRequest, trouble: Trouble): Uint8Array {
  writer.clear();
  BidRequestWire.encode(writer, {
    user_id: trouble === 'missingField' ? '' : userName(request.user),
    timestamp: request.timeMs,
    auction_details: {
      auction_id: request.auctionId,
      imp_id: '1',
      placement: `slot-${request.publisher % 7}`,
      bid_floor_cpm_micros: request.bidFloorCpmMicros,
      currency: 'USD',
    },
    ad_targeting_criteria: request.segments as string[],
    publisher_id: publisherName(request.publisher),
    device_type: DEVICES[request.device],
    country: COUNTRIES[request.country],
  });
  const written = writer.written();
  return Buffer.from(trouble === 'unparseable' ? written.subarray(0, Math.floor(written.length * 0.4)) : written);
}
