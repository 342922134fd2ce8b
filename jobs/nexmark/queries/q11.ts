import { EventTimeSessionWindows } from '../../../operators/window/session-windows.ts';
import { defineWindowFunction } from '../../../operators/window/window-function.ts';
import { record } from '../../../state/schema/record.ts';
import { long, timestampMs } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Bid } from '../schemas.ts';
import { COUNT } from './count.ts';
import { defineQuery } from './query.ts';

export const BidderWindow = record('BidderWindow', {
  bidder: Bid.fields.bidder,
  bids: long(),
  windowStart: timestampMs(),
  windowEnd: timestampMs(),
});
export type BidderWindow = Infer<typeof BidderWindow>;

export const BIDDER_WINDOW = defineWindowFunction<number, BidderWindow>({
  process: (bidder, { window }, [bids], out) =>
    out.collect({ bidder: bidder as number, bids: bids!, windowStart: window.startMs, windowEnd: window.endMs }),
});

/** How many bids everybody makes while active: until 10 seconds without one. */
export const q11 = defineQuery({
  result: BidderWindow,
  build: ({ input }) =>
    input
      .bids(['bidder'])
      .keyBy((bid) => bid.bidder)
      .window(EventTimeSessionWindows.withGap('10s'))
      .aggregate(COUNT, BIDDER_WINDOW, { uid: 'bidder-sessions' }),
});
