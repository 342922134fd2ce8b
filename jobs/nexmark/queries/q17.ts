import { count, max, min, sum } from '../../../operators/aggregate/aggregate-columns.ts';
import { aggregates } from '../../../operators/aggregate/aggregates.ts';
import { record } from '../../../state/schema/record.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import type { BidOf } from '../source/event-schemas.ts';
import { isBand1, isBand2, isBand3 } from './bid-statistics.ts';
import { DAY_LENGTH, dayOf } from './calendar.ts';
import { defineQuery, MINI_BATCH } from './query.ts';

type Read = BidOf<'auction' | 'price'>;
const priceOf = (bid: Read): number => bid.price;

const columns = aggregates({
  bids: count<Read>(),
  bids1: count<Read>({ where: isBand1 }),
  bids2: count<Read>({ where: isBand2 }),
  bids3: count<Read>({ where: isBand3 }),
  minPrice: min(priceOf),
  maxPrice: max(priceOf),
  sumPrice: sum(priceOf),
});

/** Number and prices of the bids on every auction, by day. */
export const q17 = defineQuery({
  result: record('Q17', {
    auction: long(),
    day: string(),
    bids: long(),
    bids1: long(),
    bids2: long(),
    bids3: long(),
    minPrice: long(),
    maxPrice: long(),
    avgPrice: long(),
    sumPrice: long(),
  }),
  build: ({ input, emit }) =>
    input
      .bids(['auction', 'price'])
      .keyBy((bid) => `${dayOf(bid.dateTime)} ${bid.auction}`)
      .aggregate(
        columns,
        (key, row) => ({
          auction: Number(key.slice(DAY_LENGTH + 1)),
          day: key.slice(0, DAY_LENGTH),
          avgPrice: Math.floor(row.sumPrice / row.bids),
          ...row,
        }),
        { uid: 'auction-statistics', emit, miniBatch: MINI_BATCH, twoPhase: true },
      ),
});
