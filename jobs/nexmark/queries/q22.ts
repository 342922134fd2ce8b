import { record } from '../../../state/schema/record.ts';
import { string } from '../../../state/schema/scalars.ts';
import { Bid } from '../schemas.ts';
import { defineQuery } from './query.ts';

const { auction, bidder, price, channel } = Bid.fields;

/** Bids with the three folders of their url. */
export const q22 = defineQuery({
  result: record('Q22', { auction, bidder, price, channel, dir1: string(), dir2: string(), dir3: string() }),
  build: ({ input }) =>
    input.bids(['auction', 'bidder', 'price', 'channel', 'url']).map((bid) => {
      const [, , , dir1 = '', dir2 = '', dir3 = ''] = bid.url.split('/', 6);
      return { auction: bid.auction, bidder: bid.bidder, price: bid.price, channel: bid.channel, dir1, dir2, dir3 };
    }),
});
