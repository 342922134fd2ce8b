import { record } from '../../../state/schema/record.ts';
import { int } from '../../../state/schema/scalars.ts';
import { Bid } from '../schemas.ts';
import { defineQuery } from './query.ts';

/** The ten highest bids on every auction, with their places. */
export const q19 = defineQuery({
  result: record('Q19', { ...Bid.fields, place: int() }),
  build: ({ input, emit }) =>
    input
      .bids(Object.keys(Bid.fields) as (keyof Bid)[])
      .keyBy((bid) => bid.auction)
      .topN({
        n: 10,
        orderBy: { field: 'price', direction: 'desc' },
        schema: Bid,
        withRank: (bid, place) => ({
          auction: bid.auction,
          bidder: bid.bidder,
          price: bid.price,
          channel: bid.channel,
          url: bid.url,
          dateTime: bid.dateTime,
          extra: bid.extra,
          place,
        }),
        emit,
        uid: 'highest-bids',
      }),
});
