import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import { compositeKey } from '../../../state/keyed/key-group.ts';
import { Bid } from '../schemas.ts';
import { emitChange } from './emit-change.ts';
import { defineQuery, type EmitMode } from './query.ts';

const lastBids = (emit: EmitMode) =>
  defineProcess({
    uid: 'last-bids',
    state: { last: valueState(Bid) },
    processElement(bid: Bid, { state }, out: Collector<Bid>) {
      const last = state.last.value();
      if (last !== undefined && bid.dateTime < last.dateTime) return;
      state.last.update(bid);
      emitChange(out, emit, last, bid);
    },
  });

/** Everybody's last bid on every auction. */
export const q18 = defineQuery({
  result: Bid,
  build: ({ input, emit }) =>
    input
      .bids(Object.keys(Bid.fields) as (keyof Bid)[])
      .keyBy((bid) => compositeKey(bid.bidder, bid.auction))
      .process(lastBids(emit)),
});
