import type { QueryName } from '../../../jobs/nexmark/queries/queries.ts';
import type { Auction, Bid, NexmarkEvent, Person } from '../../../jobs/nexmark/schemas.ts';

type Row = readonly (string | number)[];

/** All events in memory; every query is evaluated over all of them at once, as its SQL reads. */
export class BruteForce {
  readonly persons: readonly Person[];
  readonly auctions: readonly Auction[];
  readonly bids: readonly Bid[];

  constructor(events: readonly NexmarkEvent[]) {
    this.persons = events.filter((event) => event.type === 'person');
    this.auctions = events.filter((event) => event.type === 'auction');
    this.bids = events.filter((event) => event.type === 'bid');
  }

  /** Rows as text, sorted. */
  rows(query: Exclude<QueryName, 'q12'>): string[] {
    return this[query]()
      .map((row) => row.join('|'))
      .sort();
  }

  q0(): Row[] {
    return this.bids.map((b) => [b.auction, b.bidder, b.price, b.dateTime, b.extra]);
  }

  q1(): Row[] {
    return this.bids.map((b) => [b.auction, b.bidder, Math.round(b.price * 0.908 * 1000), b.dateTime, b.extra]);
  }

  q2(): Row[] {
    return this.bids.filter((b) => b.auction % 123 === 0).map((b) => [b.auction, b.price]);
  }

  q3(): Row[] {
    return this.auctions
      .filter((a) => a.category === 10)
      .flatMap((a) =>
        this.persons
          .filter((p) => p.id === a.seller && ['OR', 'ID', 'CA'].includes(p.state))
          .map((p) => [p.name, p.city, p.state, a.id]),
      );
  }

  q4(): Row[] {
    const finals = this.auctions.flatMap((a) => {
      const prices = this.#bidsWhileOpen(a).map((b) => b.price);
      return prices.length === 0 ? [] : [{ category: a.category, price: Math.max(...prices) }];
    });
    return [...Map.groupBy(finals, (final) => final.category)].map(([category, of]) => [
      category,
      Math.floor(sum(of.map(({ price }) => price)) / of.length),
    ]);
  }

  q5(): Row[] {
    return this.#windowStarts(10_000, 2_000).flatMap((start) => {
      const within = this.bids.filter((b) => b.dateTime >= start && b.dateTime < start + 10_000);
      const counts = [...Map.groupBy(within, (b) => b.auction)].map(([auction, of]) => [auction, of.length] as const);
      const highest = Math.max(...counts.map(([, count]) => count));
      return counts.filter(([, count]) => count === highest).map(([auction, count]) => [auction, count, start]);
    });
  }

  q7(): Row[] {
    return this.#windowStarts(10_000, 10_000).flatMap((start) => {
      const within = this.bids.filter((b) => b.dateTime >= start && b.dateTime < start + 10_000);
      const highest = Math.max(...within.map((b) => b.price));
      return this.bids
        .filter((b) => b.price === highest && b.dateTime >= start && b.dateTime <= start + 10_000)
        .map((b) => [b.auction, b.price, b.bidder, b.dateTime, b.extra]);
    });
  }

  q8(): Row[] {
    return this.#windowStarts(10_000, 10_000).flatMap((start) => {
      const isWithin = ({ dateTime }: { dateTime: number }): boolean => dateTime >= start && dateTime < start + 10_000;
      const sellers = new Set(this.auctions.filter(isWithin).map((a) => a.seller));
      return this.persons.filter((p) => isWithin(p) && sellers.has(p.id)).map((p): Row => [p.id, p.name, start]);
    });
  }

  q9(): Row[] {
    return this.auctions.flatMap((a): Row[] => {
      const [best] = this.#bidsWhileOpen(a).toSorted((x, y) => y.price - x.price || x.dateTime - y.dateTime);
      if (best === undefined) return [];
      const { auction, bidder, price, dateTime, extra } = best;
      return [[...auctionColumns(a), auction, bidder, price, dateTime, extra]];
    });
  }

  q10(): Row[] {
    return this.q0();
  }

  q11(): Row[] {
    return [...Map.groupBy(this.bids, (b) => b.bidder)].flatMap(([bidder, of]) => {
      const times = of.map((b) => b.dateTime).toSorted((a, b) => a - b);
      const sessions: number[][] = [];
      for (const time of times) {
        const session = sessions.at(-1);
        if (session === undefined || time > session.at(-1)! + 10_000) sessions.push([time]);
        else session.push(time);
      }
      return sessions.map((session) => [bidder, session.length, session[0]!, session.at(-1)! + 10_000]);
    });
  }

  q13(): Row[] {
    return this.bids.map((b) => [b.auction, b.bidder, b.price, b.dateTime, String(b.auction % 10_000)]);
  }

  q14(): Row[] {
    return this.bids
      .filter((b) => b.price * 0.908 > 1_000_000 && b.price * 0.908 < 50_000_000)
      .map((b) => {
        const hour = new Date(b.dateTime).getUTCHours();
        const isNight = hour <= 6 || hour >= 20;
        const time = hour >= 8 && hour <= 18 ? 'dayTime' : isNight ? 'nightTime' : 'otherTime';
        const euros = Math.round(b.price * 0.908 * 1000);
        return [b.auction, b.bidder, euros, time, b.dateTime, b.extra, b.extra.split('c').length - 1];
      });
  }

  q15(): Row[] {
    return [...Map.groupBy(this.bids, dayOf)].map(([day, of]) => [day, ...statistics(of)]);
  }

  q16(): Row[] {
    return [...Map.groupBy(this.bids, (b) => `${b.channel}|${dayOf(b)}`)].map(([key, of]) => {
      const minutes = of.map((b) => new Date(b.dateTime).toISOString().slice(11, 16)).toSorted();
      return [key, minutes.at(-1)!, ...statistics(of)];
    });
  }

  q17(): Row[] {
    return [...Map.groupBy(this.bids, (b) => `${b.auction}|${dayOf(b)}`)].map(([key, of]) => {
      const prices = of.map((b) => b.price);
      const total = sum(prices);
      const counts = inBands(of).map((band) => band.length);
      return [key, ...counts, Math.min(...prices), Math.max(...prices), Math.floor(total / of.length), total];
    });
  }

  /** Of equal times the last one that came: bids are in order. */
  q18(): Row[] {
    const last = new Map(this.bids.map((b) => [`${b.bidder} ${b.auction}`, b]));
    return [...last.values()].map(bidColumns);
  }

  /** Of equal prices the first one that came. */
  q19(): Row[] {
    return [...Map.groupBy(this.bids, (b) => b.auction).values()].flatMap((of) =>
      of
        .toSorted((a, b) => b.price - a.price)
        .slice(0, 10)
        .map((b, index) => [...bidColumns(b), index + 1]),
    );
  }

  q20(): Row[] {
    return this.bids.flatMap((b) =>
      this.auctions
        .filter((a) => a.id === b.auction && a.category === 10)
        .map((a) => [...bidColumns(b), ...auctionColumns(a).slice(1)]),
    );
  }

  q21(): Row[] {
    const known = ['apple', 'google', 'facebook', 'baidu'];
    return this.bids.flatMap((b): Row[] => {
      const index = known.indexOf(b.channel.toLowerCase());
      const [, inUrl] = b.url.split('&channel_id=');
      const channelId = index >= 0 ? index : inUrl;
      return channelId === undefined ? [] : [[b.auction, b.bidder, b.price, b.channel, channelId]];
    });
  }

  q22(): Row[] {
    return this.bids.map((b) => {
      const parts = new URL(b.url).pathname.split('/');
      return [b.auction, b.bidder, b.price, b.channel, parts[1]!, parts[2]!, parts[3]!];
    });
  }

  q23(): Row[] {
    const persons = Map.groupBy(this.persons, (p) => p.id);
    const auctions = Map.groupBy(this.auctions, (a) => a.seller);
    return this.bids.flatMap((b) =>
      (persons.get(b.bidder) ?? []).flatMap((p) =>
        (auctions.get(b.bidder) ?? []).map((a) => [
          ...[b.bidder, b.price, b.channel, b.url, b.extra],
          ...[p.id, p.name, p.emailAddress, p.creditCard, p.city, p.state, p.extra],
          ...auctionColumns(a).slice(1),
        ]),
      ),
    );
  }

  #bidsWhileOpen(auction: Auction): Bid[] {
    return this.bids.filter(
      (b) => b.auction === auction.id && b.dateTime >= auction.dateTime && b.dateTime <= auction.expires,
    );
  }

  /** Of all windows that hold a bid, in order. */
  #windowStarts(sizeMs: number, slideMs: number): number[] {
    const starts = new Set<number>();
    for (const { dateTime } of this.bids) {
      const last = Math.floor(dateTime / slideMs) * slideMs;
      for (let start = last; start > dateTime - sizeMs; start -= slideMs) starts.add(start);
    }
    return [...starts].toSorted((a, b) => a - b);
  }
}

function bidColumns(b: Bid): Row {
  return [b.auction, b.bidder, b.price, b.channel, b.url, b.dateTime, b.extra];
}

function auctionColumns(a: Auction): Row {
  const { id, itemName, description, initialBid, reserve, dateTime, expires, seller, category, extra } = a;
  return [id, itemName, description, initialBid, reserve, dateTime, expires, seller, category, extra];
}

/** All of them, and those of each band of prices. */
function inBands(bids: readonly Bid[]): Bid[][] {
  return [
    [...bids],
    bids.filter((b) => b.price < 10_000),
    bids.filter((b) => b.price >= 10_000 && b.price < 1_000_000),
    bids.filter((b) => b.price >= 1_000_000),
  ];
}

function statistics(bids: readonly Bid[]): Row {
  const bands = inBands(bids);
  return [
    ...bands.map((of) => of.length),
    ...bands.map((of) => new Set(of.map((b) => b.bidder)).size),
    ...bands.map((of) => new Set(of.map((b) => b.auction)).size),
  ];
}

function dayOf({ dateTime }: { readonly dateTime: number }): string {
  return new Date(dateTime).toISOString().slice(0, 10);
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
