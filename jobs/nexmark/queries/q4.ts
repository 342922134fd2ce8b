import type { Collector } from '../../../operators/process/collector.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { listState, valueState } from '../../../operators/process/state-spec.ts';
import { pick, record } from '../../../state/schema/record.ts';
import { long } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Auction, Bid } from '../schemas.ts';
import type { EventOf } from '../source/event-schemas.ts';
import { emitChange } from './emit-change.ts';
import { defineQuery, type EmitMode } from './query.ts';

const Row = record('Q4', { category: long(), average: long() });
type Row = Infer<typeof Row>;
type Event = EventOf<never, 'id' | 'category' | 'expires', 'auction' | 'price'>;

/** An auction and its highest bid so far; 0: none. */
const Open = record('Open', { ...pick(Auction, ['category', 'dateTime', 'expires']).fields, price: long() });

/** What an auction adds to its category: a first price, or what the new one is above the old one. */
interface Increase {
  readonly category: number;
  readonly price: number;
  readonly auctions: 0 | 1;
}

/** An auction's row never changes, so of the bids that have met it only the highest one matters. */
const highestBids = defineProcess({
  uid: 'highest-bids',
  state: { auction: valueState(Open), early: listState(pick(Bid, ['price', 'dateTime'])) },
  processElement(event: Event, { state }, out: Collector<Increase>) {
    if (event.type === 'bid') {
      const open = state.auction.value();
      if (open === undefined) {
        state.early.add({ price: event.price, dateTime: event.dateTime });
        return;
      }
      const { category, dateTime, expires, price } = open;
      if (event.price <= price || event.dateTime < dateTime || event.dateTime > expires) return;
      state.auction.update({ category, dateTime, expires, price: event.price });
      out.collect({ category, price: event.price - price, auctions: price === 0 ? 1 : 0 });
      return;
    }
    const { category, dateTime, expires } = event;
    let price = 0;
    for (const bid of state.early.get())
      if (bid.dateTime >= dateTime && bid.dateTime <= expires) price = Math.max(price, bid.price);
    state.early.clear();
    state.auction.update({ category, dateTime, expires, price });
    if (price > 0) out.collect({ category, price, auctions: 1 });
  },
});

const categoryAverages = (emit: EmitMode) =>
  defineProcess({
    uid: 'category-averages',
    state: { totals: valueState(record('Totals', { prices: long(), auctions: long() })) },
    processElement({ category, price, auctions }: Increase, { state }, out: Collector<Row>) {
      const before = state.totals.value();
      const after = { prices: (before?.prices ?? 0) + price, auctions: (before?.auctions ?? 0) + auctions };
      state.totals.update(after);
      const rowOf = (totals: typeof after): Row => ({
        category,
        average: Math.floor(totals.prices / totals.auctions),
      });
      emitChange(out, emit, before && rowOf(before), rowOf(after));
    },
  });

/** What auctions end at, on average, by category. */
export const q4 = defineQuery({
  result: Row,
  build: ({ input, emit }) =>
    input
      .events({ auction: ['id', 'category', 'expires'], bid: ['auction', 'price'] })
      .keyBy((event) => (event.type === 'auction' ? event.id : event.auction))
      .process(highestBids)
      .keyBy((increase) => increase.category)
      .process(categoryAverages(emit)),
});
