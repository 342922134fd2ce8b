import { INSERT, UPDATE_AFTER, UPDATE_BEFORE } from '../../../engine/task/row-kind.ts';
import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import { array } from '../../../state/schema/collections.ts';
import { record } from '../../../state/schema/record.ts';
import { int } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Bid } from '../schemas.ts';
import { defineQuery, type EmitMode } from './query.ts';

const PLACES = 10;

const Row = record('Q19', { ...Bid.fields, place: int() });
type Row = Infer<typeof Row>;

const highestBids = (emit: EmitMode) =>
  defineProcess({
    uid: 'highest-bids',
    state: { highest: valueState(array(Bid)) },
    processElement(bid: Bid, { state }, out: Collector<Row>) {
      const before = state.highest.value() ?? [];
      // Of equal prices the earlier one stays before.
      let at = before.length;
      while (at > 0 && before[at - 1]!.price < bid.price) at--;
      if (at === PLACES) return;
      const after = [...before.slice(0, at), bid, ...before.slice(at, PLACES - 1)];
      state.highest.update(after);
      for (let i = at; i < after.length; i++) {
        if (i === before.length) {
          out.collect(rowOf(after[i]!, i), INSERT);
          continue;
        }
        if (emit === 'changelog') out.collect(rowOf(before[i]!, i), UPDATE_BEFORE);
        out.collect(rowOf(after[i]!, i), UPDATE_AFTER);
      }
    },
  });

function rowOf(bid: Bid, index: number): Row {
  return {
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    channel: bid.channel,
    url: bid.url,
    dateTime: bid.dateTime,
    extra: bid.extra,
    place: index + 1,
  };
}

/** The ten highest bids on every auction, with their places. */
export const q19 = defineQuery({
  result: Row,
  build: ({ input, emit }) =>
    input
      .bids(Object.keys(Bid.fields) as (keyof Bid)[])
      .keyBy((bid) => bid.auction)
      .process(highestBids(emit)),
});
