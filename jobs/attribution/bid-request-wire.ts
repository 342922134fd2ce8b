import { array } from '../../state/schema/collections.ts';
import { optional } from '../../state/schema/optional.ts';
import { record } from '../../state/schema/record.ts';
import { long, string, timestampMs } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';

/** A bid request as exchanges send it (Avro): user, auction details, targeting criteria. */
export const BidRequestWire = record('BidRequest', {
  user_id: string(),
  timestamp: timestampMs(),
  auction_details: record('AuctionDetails', {
    auction_id: string(),
    imp_id: string(),
    placement: optional(string()),
    bid_floor_cpm_micros: optional(long()),
    currency: optional(string()),
  }),
  ad_targeting_criteria: array(string()),
  publisher_id: optional(string()),
  device_type: optional(string()),
  country: optional(string()),
});
export type BidRequestWire = Infer<typeof BidRequestWire>;
