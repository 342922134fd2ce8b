import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { listState, valueState } from '../../../operators/process/state-spec.ts';
import { record } from '../../../state/schema/record.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Auction, Bid } from '../schemas.ts';
import type { EventOf } from '../source/event-schemas.ts';
import { defineQuery } from './query.ts';

const CATEGORY = 10;

const Row = record('Q20', {
  ...Bid.fields,
  itemName: Auction.fields.itemName,
  description: Auction.fields.description,
  initialBid: Auction.fields.initialBid,
  reserve: Auction.fields.reserve,
  auctionDateTime: Auction.fields.dateTime,
  expires: Auction.fields.expires,
  seller: Auction.fields.seller,
  category: Auction.fields.category,
  auctionExtra: Auction.fields.extra,
});
type Row = Infer<typeof Row>;
type Event = EventOf<never, keyof Auction, keyof Bid>;

/**
 * Auctions of other categories pass too, so that bids on them need not wait: an auction has one category, and only what
 * may still find its auction is kept.
 */
const joinBids = defineProcess({
  uid: 'bids-of-category',
  state: { auction: valueState(Auction), early: listState(Bid) },
  processElement(event: Event, { state }, out: Collector<Row>) {
    if (event.type === 'bid') {
      const auction = state.auction.value();
      if (auction === undefined) state.early.add(event);
      else if (auction.category === CATEGORY) out.collect(rowOf(event, auction));
      return;
    }
    state.auction.update(event.category === CATEGORY ? event : { ...event, itemName: '', description: '', extra: '' });
    if (event.category === CATEGORY) for (const bid of state.early.get()) out.collect(rowOf(bid, event));
    state.early.clear();
  },
});

function rowOf(bid: Bid, auction: Auction): Row {
  return {
    auction: bid.auction,
    bidder: bid.bidder,
    price: bid.price,
    channel: bid.channel,
    url: bid.url,
    dateTime: bid.dateTime,
    extra: bid.extra,
    itemName: auction.itemName,
    description: auction.description,
    initialBid: auction.initialBid,
    reserve: auction.reserve,
    auctionDateTime: auction.dateTime,
    expires: auction.expires,
    seller: auction.seller,
    category: auction.category,
    auctionExtra: auction.extra,
  };
}

/** Bids on auctions of one category, with all of both. */
export const q20 = defineQuery({
  result: Row,
  build: ({ input }) =>
    input
      .events({
        auction: Object.keys(Auction.fields) as (keyof Auction)[],
        bid: Object.keys(Bid.fields) as (keyof Bid)[],
      })
      .keyBy((event) => (event.type === 'auction' ? event.id : event.auction))
      .process(joinBids),
});
