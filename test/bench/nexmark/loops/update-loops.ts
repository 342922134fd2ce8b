import { dayOf } from '../../../../jobs/nexmark/queries/calendar.ts';
import type { Bid } from '../../../../jobs/nexmark/schemas.ts';
import { bidLoop, Discard } from './query-loop.ts';

const BID_FIELDS: readonly (keyof Bid)[] = ['auction', 'bidder', 'price', 'channel', 'url', 'extra'];
const PLACES = 10;

export const q15 = bidLoop(['auction', 'bidder', 'price'], () => {
  const out = new Discard();
  const days = new Map<string, { bids: number[]; bidders: Set<number>[]; auctions: Set<number>[] }>();
  const sets = (): Set<number>[] => [new Set(), new Set(), new Set(), new Set()];
  return {
    event({ auction, bidder, price, dateTime }) {
      const day = dayOf(dateTime);
      let of = days.get(day);
      if (of === undefined) days.set(day, (of = { bids: [0, 0, 0, 0], bidders: sets(), auctions: sets() }));
      const band = price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3;
      const { bids, bidders, auctions } = of;
      for (const index of [0, band]) {
        bids[index]!++;
        bidders[index]!.add(bidder);
        auctions[index]!.add(auction);
      }
      out.emit({
        day,
        bids: bids[0],
        bids1: bids[1],
        bids2: bids[2],
        bids3: bids[3],
        bidders: bidders[0]!.size,
        bidders1: bidders[1]!.size,
        bidders2: bidders[2]!.size,
        bidders3: bidders[3]!.size,
        auctions: auctions[0]!.size,
        auctions1: auctions[1]!.size,
        auctions2: auctions[2]!.size,
        auctions3: auctions[3]!.size,
      });
    },
    end: () => days.size,
  };
});

export const q18 = bidLoop(BID_FIELDS, () => {
  const out = new Discard();
  const bidders = new Map<number, Map<number, Bid>>();
  let count = 0;
  return {
    event(bid) {
      let of = bidders.get(bid.bidder);
      if (of === undefined) bidders.set(bid.bidder, (of = new Map<number, Bid>()));
      const last = of.get(bid.auction);
      if (last !== undefined && bid.dateTime < last.dateTime) return;
      if (last === undefined) count++;
      of.set(bid.auction, bid);
      out.emit(bid);
    },
    end: () => count,
  };
});

export const q19 = bidLoop(BID_FIELDS, () => {
  const out = new Discard();
  const auctions = new Map<number, Bid[]>();
  let count = 0;
  return {
    event(bid) {
      let highest = auctions.get(bid.auction);
      if (highest === undefined) auctions.set(bid.auction, (highest = []));
      let at = highest.length;
      while (at > 0 && highest[at - 1]!.price < bid.price) at--;
      if (at === PLACES) return;
      highest.splice(at, 0, bid);
      if (highest.length > PLACES) highest.pop();
      else count++;
      for (let i = at; i < highest.length; i++) {
        const { auction, bidder, price, channel, url, dateTime, extra } = highest[i]!;
        out.emit({ auction, bidder, price, channel, url, dateTime, extra, place: i + 1 });
      }
    },
    end: () => count,
  };
});
