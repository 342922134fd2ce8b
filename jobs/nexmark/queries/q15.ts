import { aggregates } from '../../../operators/aggregate/aggregates.ts';
import { record } from '../../../state/schema/record.ts';
import { string } from '../../../state/schema/scalars.ts';
import { Statistics, STATISTICS } from './bid-statistics.ts';
import { dayOf } from './calendar.ts';
import { defineQuery, MINI_BATCH } from './query.ts';

/** Bids of a day, and how many different people made them on how many auctions, by price. */
export const q15 = defineQuery({
  result: record('Q15', { day: string(), ...Statistics.fields }),
  build: ({ input, emit }) =>
    input
      .bids(['auction', 'bidder', 'price'])
      .keyBy((bid) => dayOf(bid.dateTime))
      .aggregate(aggregates(STATISTICS), (day, statistics) => ({ day, ...statistics }), {
        uid: 'day-statistics',
        emit,
        miniBatch: MINI_BATCH,
        splitDistinct: true,
      }),
});
