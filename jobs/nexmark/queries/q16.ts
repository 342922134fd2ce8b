import { max } from '../../../operators/aggregate/aggregate-columns.ts';
import { aggregates } from '../../../operators/aggregate/aggregates.ts';
import { record } from '../../../state/schema/record.ts';
import { string } from '../../../state/schema/scalars.ts';
import type { BidOf } from '../source/event-schemas.ts';
import { STATISTICS, Statistics } from './bid-statistics.ts';
import { DAY_LENGTH, dayOf, minuteOf } from './calendar.ts';
import { defineQuery, MINI_BATCH } from './query.ts';

const columns = aggregates({
  lastMs: max((bid: BidOf<'auction' | 'bidder' | 'price'>) => bid.dateTime),
  ...STATISTICS,
});

/** The same as q15 for every channel, with the last minute of the day in which there was a bid. */
export const q16 = defineQuery({
  result: record('Q16', { channel: string(), day: string(), minute: string(), ...Statistics.fields }),
  build: ({ input, emit }) =>
    input
      .bids(['auction', 'bidder', 'price', 'channel'])
      .keyBy((bid) => `${dayOf(bid.dateTime)} ${bid.channel}`)
      .aggregate(
        columns,
        (key, { lastMs, ...statistics }) => ({
          channel: key.slice(DAY_LENGTH + 1),
          day: key.slice(0, DAY_LENGTH),
          minute: minuteOf(lastMs),
          ...statistics,
        }),
        { uid: 'channel-statistics', emit, miniBatch: MINI_BATCH },
      ),
});
