import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { mapState, valueState } from '../../../operators/process/state-spec.ts';
import { compositeKey } from '../../../state/keyed/key-group.ts';
import { record } from '../../../state/schema/record.ts';
import { int, long, string } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import type { BidOf } from '../source/event-schemas.ts';
import { NO_BIDS, Statistics, withBid } from './bid-statistics.ts';
import { dayOf, minuteOf } from './calendar.ts';
import { emitChange } from './emit-change.ts';
import { defineQuery, type EmitMode } from './query.ts';

const Row = record('Q16', { channel: string(), day: string(), minute: string(), ...Statistics.fields });
type Row = Infer<typeof Row>;

const channelStatistics = (emit: EmitMode) =>
  defineProcess({
    uid: 'channel-statistics',
    state: { row: valueState(Row), bidders: mapState(long(), int()), auctions: mapState(long(), int()) },
    processElement(bid: BidOf<'auction' | 'bidder' | 'price' | 'channel'>, { state }, out: Collector<Row>) {
      const before = state.row.value();
      const minute = minuteOf(bid.dateTime);
      const after = {
        channel: bid.channel,
        day: before?.day ?? dayOf(bid.dateTime),
        minute: before === undefined || minute > before.minute ? minute : before.minute,
        ...withBid(before ?? NO_BIDS, bid, state),
      };
      state.row.update(after);
      emitChange(out, emit, before, after);
    },
  });

/** The same as q15 for every channel, with the last minute of the day in which there was a bid. */
export const q16 = defineQuery({
  result: Row,
  build: ({ input, emit }) =>
    input
      .bids(['auction', 'bidder', 'price', 'channel'])
      .keyBy((bid) => compositeKey(bid.channel, dayOf(bid.dateTime)))
      .process(channelStatistics(emit)),
});
