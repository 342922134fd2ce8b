import { TumblingProcessingTimeWindows } from '../../../operators/window/fixed-windows.ts';
import { COUNT } from './count.ts';
import { BIDDER_WINDOW, BidderWindow } from './q11.ts';
import { defineQuery } from './query.ts';

/** How many bids everybody makes in every 10 seconds of the clock. */
export const q12 = defineQuery({
  result: BidderWindow,
  build: ({ input }) =>
    input
      .bids(['bidder'])
      .keyBy((bid) => bid.bidder)
      .window(TumblingProcessingTimeWindows.of('10s'))
      .aggregate(COUNT, BIDDER_WINDOW, { uid: 'bidder-windows' }),
});
