import { bidLoop, Discard } from './query-loop.ts';

export const q0 = bidLoop(['auction', 'bidder', 'price', 'extra'], () => {
  const out = new Discard();
  return { event: (bid) => out.emit(bid), end: () => out.count };
});

export const q1 = bidLoop(['auction', 'bidder', 'price', 'extra'], () => {
  const out = new Discard();
  return {
    event(bid) {
      out.emit({
        auction: bid.auction,
        bidder: bid.bidder,
        priceThousandths: bid.price * 908,
        dateTime: bid.dateTime,
        extra: bid.extra,
      });
    },
    end: () => out.count,
  };
});

export const q2 = bidLoop(['auction', 'price'], () => {
  const out = new Discard();
  return {
    event(bid) {
      if (bid.auction % 123 === 0) out.emit(bid);
    },
    end: () => out.count,
  };
});

export const q13 = bidLoop(['auction', 'bidder', 'price'], () => {
  const out = new Discard();
  const table = new Map(Array.from({ length: 10_000 }, (_, key) => [key, String(key)]));
  return {
    event(bid) {
      const value = table.get(bid.auction % 10_000);
      if (value === undefined) return;
      out.emit({ auction: bid.auction, bidder: bid.bidder, price: bid.price, dateTime: bid.dateTime, value });
    },
    end: () => out.count,
  };
});
