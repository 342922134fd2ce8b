import { pick } from '../../../state/schema/record.ts';
import { Bid } from '../schemas.ts';
import { defineQuery } from './query.ts';

const Row = pick(Bid, ['auction', 'bidder', 'price', 'dateTime', 'extra']);

/** Every bid as it is: what reading and writing cost. */
export const q0 = defineQuery({
  result: Row,
  build: ({ input }) => input.bids(['auction', 'bidder', 'price', 'extra']),
});
