import type { LookupTable } from '../../../operators/async/lookup/lookup-table.ts';
import { pick, record } from '../../../state/schema/record.ts';
import { string } from '../../../state/schema/scalars.ts';
import { Bid } from '../schemas.ts';
import { defineQuery } from './query.ts';

const SIDE_INPUT_ROWS = 10_000;

/** A static table of numbers and their texts, held in memory as the benchmark wants it. */
const SIDE_INPUT: LookupTable<number, string> = {
  description: 'side input',
  lookup: (key) => Promise.resolve(key >= 0 && key < SIDE_INPUT_ROWS ? [String(key)] : []),
  async *scan() {
    for (let key = 0; key < SIDE_INPUT_ROWS; key++) yield [key, String(key)] as const;
  },
};

const Read = pick(Bid, ['auction', 'bidder', 'price', 'dateTime']);

/** Every bid with a row of a table that stays as it is. */
export const q13 = defineQuery({
  result: record('Q13', { ...Read.fields, value: string() }),
  build: ({ input }) =>
    input.bids(['auction', 'bidder', 'price']).lookupJoin(SIDE_INPUT, {
      uid: 'side-input',
      schema: Read,
      keySelector: (bid) => bid.auction % SIDE_INPUT_ROWS,
      result: (bid, value) => ({
        auction: bid.auction,
        bidder: bid.bidder,
        price: bid.price,
        dateTime: bid.dateTime,
        value,
      }),
      cache: { kind: 'full', reloadInterval: '1d' },
    }),
});
