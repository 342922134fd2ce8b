import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import { compositeKey } from '../../../state/keyed/key-group.ts';
import { record } from '../../../state/schema/record.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import type { BidOf } from '../source/event-schemas.ts';
import { priceBandOf } from './bid-statistics.ts';
import { dayOf } from './calendar.ts';
import { emitChange } from './emit-change.ts';
import { defineQuery, type EmitMode } from './query.ts';

const Row = record('Q17', {
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
});
type Row = Infer<typeof Row>;

const auctionStatistics = (emit: EmitMode) =>
  defineProcess({
    uid: 'auction-statistics',
    state: { row: valueState(Row) },
    processElement(bid: BidOf<'auction' | 'price'>, { state }, out: Collector<Row>) {
      const before = state.row.value();
      const after = before === undefined ? firstRow(bid) : nextRow(before, bid.price);
      state.row.update(after);
      emitChange(out, emit, before, after);
    },
  });

function firstRow({ auction, dateTime, price }: BidOf<'auction' | 'price'>): Row {
  const band = priceBandOf(price);
  return {
    auction,
    day: dayOf(dateTime),
    bids: 1,
    bids1: band === 1 ? 1 : 0,
    bids2: band === 2 ? 1 : 0,
    bids3: band === 3 ? 1 : 0,
    minPrice: price,
    maxPrice: price,
    avgPrice: price,
    sumPrice: price,
  };
}

function nextRow(row: Row, price: number): Row {
  const band = priceBandOf(price);
  const bids = row.bids + 1;
  const sumPrice = row.sumPrice + price;
  return {
    auction: row.auction,
    day: row.day,
    bids,
    bids1: row.bids1 + (band === 1 ? 1 : 0),
    bids2: row.bids2 + (band === 2 ? 1 : 0),
    bids3: row.bids3 + (band === 3 ? 1 : 0),
    minPrice: Math.min(row.minPrice, price),
    maxPrice: Math.max(row.maxPrice, price),
    avgPrice: Math.floor(sumPrice / bids),
    sumPrice,
  };
}

/** Number and prices of the bids on every auction, by day. */
export const q17 = defineQuery({
  result: Row,
  build: ({ input, emit }) =>
    input
      .bids(['auction', 'price'])
      .keyBy((bid) => compositeKey(bid.auction, dayOf(bid.dateTime)))
      .process(auctionStatistics(emit)),
});
