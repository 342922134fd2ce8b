import { pick } from '../../../state/schema/record.ts';
import { Bid } from '../schemas.ts';
import { dayOf, minuteOf } from './calendar.ts';
import { defineQuery } from './query.ts';

const Row = pick(Bid, ['auction', 'bidder', 'price', 'dateTime', 'extra']);

/** Every bid to files, in folders by day and minute. */
export const q10 = defineQuery({
  result: Row,
  partitionBy: ({ dateTime }) => `dt=${dayOf(dateTime)}/hm=${minuteOf(dateTime)}`,
  build: ({ input }) => input.bids(['auction', 'bidder', 'price', 'extra']),
});
