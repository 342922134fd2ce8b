import type { Auction, Bid } from '../../../../jobs/nexmark/schemas.ts';
import { Discard, eventLoop } from './query-loop.ts';

const AUCTION_FIELDS: readonly (keyof Auction)[] = [
  'id',
  'itemName',
  'description',
  'initialBid',
  'reserve',
  'expires',
  'seller',
  'category',
  'extra',
];
const BID_FIELDS: readonly (keyof Bid)[] = ['auction', 'bidder', 'price', 'channel', 'url', 'extra'];

export const q3 = eventLoop({ person: ['id', 'name', 'city', 'state'], auction: ['id', 'seller', 'category'] }, () => {
  const out = new Discard();
  const sellers = new Map<number, { readonly name: string; readonly city: string; readonly state: string }>();
  const waiting = new Map<number, number[]>();
  return {
    event(event) {
      if (event.type === 'auction') {
        if (event.category !== 10) return;
        const seller = sellers.get(event.seller);
        if (seller !== undefined) {
          out.emit({ name: seller.name, city: seller.city, state: seller.state, id: event.id });
          return;
        }
        const ids = waiting.get(event.seller);
        if (ids === undefined) waiting.set(event.seller, [event.id]);
        else ids.push(event.id);
        return;
      }
      const { name, city, state } = event;
      if (state !== 'OR' && state !== 'ID' && state !== 'CA') return;
      sellers.set(event.id, event);
      for (const id of waiting.get(event.id) ?? []) out.emit({ name, city, state, id });
      waiting.delete(event.id);
    },
    end: () => out.count,
  };
});

interface OpenAuction {
  readonly category: number;
  readonly dateTime: number;
  readonly expires: number;
  price: number;
}

export const q4 = eventLoop({ auction: ['id', 'category', 'expires'], bid: ['auction', 'price'] }, () => {
  const out = new Discard();
  const auctions = new Map<number, OpenAuction>();
  const early = new Map<number, { readonly price: number; readonly dateTime: number }[]>();
  const totals = new Map<number, { prices: number; auctions: number }>();
  const raise = (auction: OpenAuction, price: number): void => {
    let total = totals.get(auction.category);
    if (total === undefined) totals.set(auction.category, (total = { prices: 0, auctions: 0 }));
    if (auction.price === 0) total.auctions++;
    total.prices += price - auction.price;
    auction.price = price;
    out.emit({ category: auction.category, average: Math.floor(total.prices / total.auctions) });
  };
  const offer = (auction: OpenAuction, price: number, dateTime: number): void => {
    if (price > auction.price && dateTime >= auction.dateTime && dateTime <= auction.expires) raise(auction, price);
  };
  return {
    event(event) {
      if (event.type === 'bid') {
        const auction = auctions.get(event.auction);
        if (auction !== undefined) offer(auction, event.price, event.dateTime);
        else keep(early, event.auction, event);
        return;
      }
      const { category, dateTime, expires } = event;
      const auction = { category, dateTime, expires, price: 0 };
      auctions.set(event.id, auction);
      for (const bid of early.get(event.id) ?? []) offer(auction, bid.price, bid.dateTime);
      early.delete(event.id);
    },
    end: () => totals.size,
  };
});

export const q9 = eventLoop({ auction: AUCTION_FIELDS, bid: ['auction', 'bidder', 'price', 'extra'] }, () => {
  type Offer = Pick<Bid, 'bidder' | 'price' | 'dateTime' | 'extra'>;
  const out = new Discard();
  const auctions = new Map<number, { readonly auction: Auction; best: Offer | undefined }>();
  const early = new Map<number, Offer[]>();
  let count = 0;
  const offer = (entry: { readonly auction: Auction; best: Offer | undefined }, bid: Offer): void => {
    const { auction, best } = entry;
    if (bid.dateTime < auction.dateTime || bid.dateTime > auction.expires) return;
    if (best !== undefined && (bid.price < best.price || (bid.price === best.price && bid.dateTime >= best.dateTime)))
      return;
    if (best === undefined) count++;
    entry.best = bid;
    out.emit({
      ...auction,
      auction: auction.id,
      bidder: bid.bidder,
      price: bid.price,
      bidDateTime: bid.dateTime,
      bidExtra: bid.extra,
    });
  };
  return {
    event(event) {
      if (event.type === 'bid') {
        const entry = auctions.get(event.auction);
        if (entry !== undefined) offer(entry, event);
        else keep(early, event.auction, event);
        return;
      }
      const entry = { auction: event, best: undefined };
      auctions.set(event.id, entry);
      for (const bid of early.get(event.id) ?? []) offer(entry, bid);
      early.delete(event.id);
    },
    end: () => count,
  };
});

export const q20 = eventLoop({ auction: AUCTION_FIELDS, bid: BID_FIELDS }, () => {
  const out = new Discard();
  /** Undefined: of another category. */
  const auctions = new Map<number, Auction | undefined>();
  const early = new Map<number, Bid[]>();
  const emit = (bid: Bid, auction: Auction): void =>
    out.emit({
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
    });
  return {
    event(event) {
      if (event.type === 'bid') {
        const auction = auctions.get(event.auction);
        if (auction !== undefined) emit(event, auction);
        else if (!auctions.has(event.auction)) keep(early, event.auction, event);
        return;
      }
      const auction = event.category === 10 ? event : undefined;
      auctions.set(event.id, auction);
      if (auction !== undefined) for (const bid of early.get(event.id) ?? []) emit(bid, auction);
      early.delete(event.id);
    },
    end: () => out.count,
  };
});

function keep<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
