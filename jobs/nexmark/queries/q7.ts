import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import type { ProcessLogic } from '../../../operators/process/process-function.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { array } from '../../../state/schema/collections.ts';
import { pick, record } from '../../../state/schema/record.ts';
import { long } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Bid } from '../schemas.ts';
import { defineQuery } from './query.ts';

const SIZE_MS = 10_000;

const Row = pick(Bid, ['auction', 'price', 'bidder', 'dateTime', 'extra']);
type Row = Infer<typeof Row>;

/** A bid that may be a window's highest; `isAtEnd`: it is of the next window, and may only equal it. */
interface Candidate {
  readonly windowEnd: number;
  readonly isAtEnd: boolean;
  readonly bid: Row;
}

/**
 * Passes the bids that no earlier one of their window has exceeded. A bid at the very end of a window is compared with that
 * one too. What it remembers need not be in a checkpoint: forgetting it lets more pass.
 */
class HighestSoFar implements ProcessLogic<Key, Row, Candidate> {
  readonly #highest = new Map<number, number>();

  processElement(bid: Row, _context: unknown, out: Collector<Candidate>): void {
    const windowEnd = Math.floor(bid.dateTime / SIZE_MS) * SIZE_MS + SIZE_MS;
    if (bid.dateTime === windowEnd - SIZE_MS) out.collect({ windowEnd: bid.dateTime, isAtEnd: true, bid });
    const highest = this.#highest.get(windowEnd);
    if (highest === undefined) this.#highest.delete(windowEnd - 2 * SIZE_MS);
    else if (bid.price < highest) return;
    if (highest !== bid.price) this.#highest.set(windowEnd, bid.price);
    out.collect({ windowEnd, isAtEnd: false, bid });
  }
}

const Highest = record('Highest', { price: long(), bids: array(Row), atEnd: array(Row) });

const highestBids = defineProcess({
  uid: 'highest-bids',
  state: { highest: valueState(Highest) },
  processElement({ windowEnd, isAtEnd, bid }: Candidate, { state, timers }) {
    const before = state.highest.value();
    if (before === undefined) timers.registerEventTimeTimer(windowEnd);
    const { price, bids, atEnd } = before ?? { price: 0, bids: [], atEnd: [] };
    if (isAtEnd) state.highest.update({ price, bids, atEnd: [...atEnd, bid] });
    else if (bid.price > price) state.highest.update({ price: bid.price, bids: [bid], atEnd });
    else if (bid.price === price) state.highest.update({ price, bids: [...bids, bid], atEnd });
  },
  // The watermark is at the window's end: those at the end are there too.
  onTimer(_windowEnd, { state }, out: Collector<Row>) {
    const { price, bids, atEnd } = state.highest.value()!;
    for (const bid of bids) out.collect(bid);
    for (const bid of atEnd) if (bid.price === price) out.collect(bid);
    state.highest.clear();
  },
});

/** The highest bids of every 10 seconds, both ends included. */
export const q7 = defineQuery({
  result: Row,
  build: ({ input }) =>
    input
      .bids(['auction', 'bidder', 'price', 'extra'])
      .process(() => new HighestSoFar())
      .keyBy((candidate) => candidate.windowEnd)
      .process(highestBids),
});
