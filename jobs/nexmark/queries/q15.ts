import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { mapState, valueState } from '../../../operators/process/state-spec.ts';
import { record } from '../../../state/schema/record.ts';
import { int, long, string } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import type { BidOf } from '../source/event-schemas.ts';
import { NO_BIDS, Statistics, withBid } from './bid-statistics.ts';
import { dayOf } from './calendar.ts';
import { emitChange } from './emit-change.ts';
import { defineQuery, type EmitMode } from './query.ts';

const Row = record('Q15', { day: string(), ...Statistics.fields });
type Row = Infer<typeof Row>;

const dayStatistics = (emit: EmitMode) =>
  defineProcess({
    uid: 'day-statistics',
    state: {
      statistics: valueState(Statistics),
      bidders: mapState(long(), int()),
      auctions: mapState(long(), int()),
    },
    processElement(bid: BidOf<'auction' | 'bidder' | 'price'>, { state }, out: Collector<Row>) {
      const before = state.statistics.value();
      const after = withBid(before ?? NO_BIDS, bid, state);
      state.statistics.update(after);
      const day = dayOf(bid.dateTime);
      emitChange(out, emit, before && { day, ...before }, { day, ...after });
    },
  });

/** Bids of a day, and how many different people made them on how many auctions, by price. */
export const q15 = defineQuery({
  result: Row,
  build: ({ input, emit }) =>
    input
      .bids(['auction', 'bidder', 'price'])
      .keyBy((bid) => dayOf(bid.dateTime))
      .process(dayStatistics(emit)),
});
