import { bidLoop, Discard, eventLoop } from './query-loop.ts';

const SIZE_MS = 10_000;
const SLIDE_MS = 2_000;

export const q5 = bidLoop(['auction'], () => {
  const out = new Discard();
  /** Counts per auction of the last five slices, oldest first; the last one ends at `sliceEndMs`. */
  let slices: Map<number, number>[] = [];
  let slice = new Map<number, number>();
  let sliceEndMs = 0;
  const close = (): void => {
    slices.push(slice);
    if (slices.length > SIZE_MS / SLIDE_MS) slices = slices.slice(1);
    slice = new Map();
    const totals = new Map<number, number>();
    let highest = 0;
    for (const counts of slices) {
      for (const [auction, count] of counts) {
        const total = (totals.get(auction) ?? 0) + count;
        totals.set(auction, total);
        if (total > highest) highest = total;
      }
    }
    for (const [auction, num] of totals)
      if (num === highest) out.emit({ auction, num, windowStart: sliceEndMs - SIZE_MS });
    sliceEndMs += SLIDE_MS;
  };
  return {
    event({ auction, dateTime }) {
      if (sliceEndMs === 0) sliceEndMs = Math.floor(dateTime / SLIDE_MS) * SLIDE_MS + SLIDE_MS;
      while (dateTime >= sliceEndMs) close();
      slice.set(auction, (slice.get(auction) ?? 0) + 1);
    },
    end() {
      for (let i = 0; i < SIZE_MS / SLIDE_MS; i++) close();
      return out.count;
    },
  };
});

export const q7 = bidLoop(['auction', 'bidder', 'price', 'extra'], () => {
  type Row = { auction: number; price: number; bidder: number; dateTime: number; extra: string };
  const out = new Discard();
  let endMs = 0;
  let highest = 0;
  let rows: Row[] = [];
  let endedMs = -1;
  let endedHighest = 0;
  const close = (): void => {
    for (const row of rows) out.emit(row);
    endedMs = endMs;
    endedHighest = highest;
    highest = 0;
    rows = [];
  };
  return {
    event(bid) {
      if (bid.dateTime >= endMs) {
        if (endMs > 0) close();
        endMs = Math.floor(bid.dateTime / SIZE_MS) * SIZE_MS + SIZE_MS;
      }
      if (bid.dateTime === endedMs && bid.price === endedHighest) out.emit(bid);
      if (bid.price < highest) return;
      if (bid.price > highest) rows = [];
      highest = bid.price;
      rows.push(bid);
    },
    end() {
      close();
      return out.count;
    },
  };
});

export const q8 = eventLoop({ person: ['id', 'name'], auction: ['seller'] }, () => {
  const out = new Discard();
  let endMs = 0;
  let names = new Map<number, Set<string>>();
  let sellers = new Set<number>();
  const close = (): void => {
    for (const [id, ofId] of names)
      if (sellers.has(id)) for (const name of ofId) out.emit({ id, name, windowStart: endMs - SIZE_MS });
    names = new Map();
    sellers = new Set();
  };
  return {
    event(event) {
      if (event.dateTime >= endMs) {
        close();
        endMs = Math.floor(event.dateTime / SIZE_MS) * SIZE_MS + SIZE_MS;
      }
      if (event.type === 'auction') {
        sellers.add(event.seller);
        return;
      }
      const ofId = names.get(event.id);
      if (ofId === undefined) names.set(event.id, new Set([event.name]));
      else ofId.add(event.name);
    },
    end() {
      close();
      return out.count;
    },
  };
});

export const q11 = bidLoop(['bidder'], () => {
  const out = new Discard();
  const sessions = new Map<number, { start: number; last: number; bids: number }>();
  const emit = (bidder: number, session: { start: number; last: number; bids: number }): void =>
    out.emit({ bidder, bids: session.bids, windowStart: session.start, windowEnd: session.last + SIZE_MS });
  return {
    event({ bidder, dateTime }) {
      const session = sessions.get(bidder);
      if (session === undefined) {
        sessions.set(bidder, { start: dateTime, last: dateTime, bids: 1 });
        return;
      }
      if (dateTime > session.last + SIZE_MS) {
        emit(bidder, session);
        session.start = dateTime;
        session.bids = 0;
      }
      session.last = dateTime;
      session.bids++;
    },
    end() {
      for (const [bidder, session] of sessions) emit(bidder, session);
      return out.count;
    },
  };
});
