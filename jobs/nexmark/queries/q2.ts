import { pick } from '../../../state/schema/record.ts';
import { Bid } from '../schemas.ts';
import { defineQuery } from './query.ts';

const Row = pick(Bid, ['auction', 'price']);

/** Bids on some auctions. */
export const q2 = defineQuery({
  result: Row,
  build: ({ input }) => input.bids(['auction', 'price']).filter((bid) => bid.auction % 123 === 0),
});
