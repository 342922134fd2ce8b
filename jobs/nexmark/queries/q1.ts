import { record } from '../../../state/schema/record.ts';
import { long } from '../../../state/schema/scalars.ts';
import { Bid } from '../schemas.ts';
import { defineQuery } from './query.ts';

/** The price in euros is 0.908 times as high; in thousandths, so that it is exact. */
export const EURO_THOUSANDTHS = 908;

const { auction, bidder, dateTime, extra } = Bid.fields;

/** Every bid with its price in euros. */
export const q1 = defineQuery({
  result: record('Q1', { auction, bidder, priceThousandths: long(), dateTime, extra }),
  scales: { priceThousandths: 3 },
  build: ({ input }) =>
    input.bids(['auction', 'bidder', 'price', 'extra']).map((bid) => ({
      auction: bid.auction,
      bidder: bid.bidder,
      priceThousandths: bid.price * EURO_THOUSANDTHS,
      dateTime: bid.dateTime,
      extra: bid.extra,
    })),
});
