import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { listState, valueState } from '../../../operators/process/state-spec.ts';
import { pick, record } from '../../../state/schema/record.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Auction, Bid } from '../schemas.ts';
import type { EventOf } from '../source/event-schemas.ts';
import { emitChange } from './emit-change.ts';
import { defineQuery, type EmitMode } from './query.ts';

const Row = record('Q9', {
  ...Auction.fields,
  auction: Bid.fields.auction,
  bidder: Bid.fields.bidder,
  price: Bid.fields.price,
  bidDateTime: Bid.fields.dateTime,
  bidExtra: Bid.fields.extra,
});
type Row = Infer<typeof Row>;
type Event = EventOf<never, keyof Auction, 'auction' | 'bidder' | 'price' | 'extra'>;

const Offer = pick(Bid, ['bidder', 'price', 'dateTime', 'extra']);
type Offer = Infer<typeof Offer>;

const winningBids = (emit: EmitMode) =>
  defineProcess({
    uid: 'winning-bids',
    state: { auction: valueState(Auction), best: valueState(Offer), early: listState(Offer) },
    processElement(event: Event, { state }, out: Collector<Row>) {
      if (event.type === 'auction') {
        state.auction.update(event);
        let best: Offer | undefined;
        for (const offer of state.early.get()) if (isWithin(offer, event) && isBetter(offer, best)) best = offer;
        state.early.clear();
        if (best === undefined) return;
        state.best.update(best);
        out.collect(rowOf(event, best));
        return;
      }
      const auction = state.auction.value();
      if (auction === undefined) {
        state.early.add(event);
        return;
      }
      if (!isWithin(event, auction)) return;
      const best = state.best.value();
      if (!isBetter(event, best)) return;
      state.best.update(event);
      emitChange(out, emit, best && rowOf(auction, best), rowOf(auction, event));
    },
  });

function isWithin(offer: Offer, auction: Auction): boolean {
  return offer.dateTime >= auction.dateTime && offer.dateTime <= auction.expires;
}

/** Whether the price is higher, or the same and earlier. */
function isBetter(offer: Offer, best: Offer | undefined): boolean {
  if (best === undefined || offer.price > best.price) return true;
  return offer.price === best.price && offer.dateTime < best.dateTime;
}

function rowOf(auction: Auction, offer: Offer): Row {
  return {
    id: auction.id,
    itemName: auction.itemName,
    description: auction.description,
    initialBid: auction.initialBid,
    reserve: auction.reserve,
    dateTime: auction.dateTime,
    expires: auction.expires,
    seller: auction.seller,
    category: auction.category,
    extra: auction.extra,
    auction: auction.id,
    bidder: offer.bidder,
    price: offer.price,
    bidDateTime: offer.dateTime,
    bidExtra: offer.extra,
  };
}

/** The winning bid of every auction: the highest, of equal ones the earliest. */
export const q9 = defineQuery({
  result: Row,
  build: ({ input, emit }) =>
    input
      .events({
        auction: Object.keys(Auction.fields) as (keyof Auction)[],
        bid: ['auction', 'bidder', 'price', 'extra'],
      })
      .keyBy((event) => (event.type === 'auction' ? event.id : event.auction))
      .process(winningBids(emit)),
});
