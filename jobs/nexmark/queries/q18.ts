import { Bid } from '../schemas.ts';
import { pairKey } from './pair-key.ts';
import { defineQuery } from './query.ts';

/** Everybody's last bid on every auction. */
export const q18 = defineQuery({
  result: Bid,
  build: ({ input, emit }) =>
    input
      .bids(Object.keys(Bid.fields) as (keyof Bid)[])
      .keyBy((bid) => pairKey(bid.bidder, bid.auction))
      .deduplicate({ keep: 'last', orderBy: 'eventTime', schema: Bid, emit, uid: 'last-bids' }),
});
