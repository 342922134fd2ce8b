import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { listState, valueState } from '../../../operators/process/state-spec.ts';
import { pick, record } from '../../../state/schema/record.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Auction, Bid, Person } from '../schemas.ts';
import type { EventOf } from '../source/event-schemas.ts';
import { defineQuery } from './query.ts';

const BID_FIELDS = ['bidder', 'price', 'channel', 'url', 'extra'] as const;
const PERSON_FIELDS = ['id', 'name', 'emailAddress', 'creditCard', 'city', 'state', 'extra'] as const;
const AUCTION_FIELDS = [
  'itemName',
  'description',
  'initialBid',
  'reserve',
  'expires',
  'seller',
  'category',
  'extra',
] as const;

const BidPart = pick(Bid, BID_FIELDS);
const PersonPart = pick(Person, PERSON_FIELDS);
const AuctionPart = pick(Auction, [...AUCTION_FIELDS, 'dateTime']);
type BidPart = Infer<typeof BidPart>;
type PersonPart = Infer<typeof PersonPart>;
type AuctionPart = Infer<typeof AuctionPart>;

const Row = record('Q23', {
  bidder: Bid.fields.bidder,
  price: Bid.fields.price,
  channel: Bid.fields.channel,
  url: Bid.fields.url,
  bidExtra: Bid.fields.extra,
  personId: Person.fields.id,
  name: Person.fields.name,
  emailAddress: Person.fields.emailAddress,
  creditCard: Person.fields.creditCard,
  city: Person.fields.city,
  state: Person.fields.state,
  personExtra: Person.fields.extra,
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
type Event = EventOf<(typeof PERSON_FIELDS)[number], (typeof AUCTION_FIELDS)[number], (typeof BID_FIELDS)[number]>;

/** All three sides have the person's id, so they meet in one place. */
const joinPersons = defineProcess({
  uid: 'bidding-sellers',
  state: { person: valueState(PersonPart), auctions: listState(AuctionPart), bids: listState(BidPart) },
  processElement(event: Event, { state }, out: Collector<Row>) {
    const person = state.person.value();
    switch (event.type) {
      case 'bid':
        state.bids.add(event);
        if (person !== undefined)
          for (const auction of state.auctions.get()) out.collect(rowOf(event, person, auction));
        break;
      case 'auction':
        state.auctions.add(event);
        if (person !== undefined) for (const bid of state.bids.get()) out.collect(rowOf(bid, person, event));
        break;
      case 'person':
        state.person.update(event);
        for (const bid of state.bids.get())
          for (const auction of state.auctions.get()) out.collect(rowOf(bid, event, auction));
        break;
    }
  },
});

function rowOf(bid: BidPart, person: PersonPart, auction: AuctionPart): Row {
  return {
    bidder: bid.bidder,
    price: bid.price,
    channel: bid.channel,
    url: bid.url,
    bidExtra: bid.extra,
    personId: person.id,
    name: person.name,
    emailAddress: person.emailAddress,
    creditCard: person.creditCard,
    city: person.city,
    state: person.state,
    personExtra: person.extra,
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

/** Every bid of somebody who sells too, with the person and everything sold. */
export const q23 = defineQuery({
  result: Row,
  build: ({ input }) =>
    input
      .events({ person: PERSON_FIELDS, auction: AUCTION_FIELDS, bid: BID_FIELDS })
      .keyBy((event) => (event.type === 'bid' ? event.bidder : event.type === 'auction' ? event.seller : event.id))
      .process(joinPersons),
});
