import type { AggregateFunction } from '../../../operators/process/state-spec.ts';
import { SlidingEventTimeWindows, TumblingEventTimeWindows } from '../../../operators/window/fixed-windows.ts';
import { defineWindowFunction } from '../../../operators/window/window-function.ts';
import { array } from '../../../state/schema/collections.ts';
import { record } from '../../../state/schema/record.ts';
import { long, timestampMs } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Bid } from '../schemas.ts';
import type { BidOf } from '../source/event-schemas.ts';
import { COUNT } from './count.ts';
import { defineQuery } from './query.ts';

const Row = record('Q5', { auction: Bid.fields.auction, num: long(), windowStart: timestampMs() });
type Row = Infer<typeof Row>;

const Hottest = array(Row);
type Hottest = Infer<typeof Hottest>;

/** The rows with the highest number. */
const HOTTEST: AggregateFunction<Row, Hottest, Hottest> = {
  accumulatorSchema: Hottest,
  createAccumulator: () => [],
  add(hottest, row) {
    const num = hottest.length === 0 ? 0 : hottest[0]!.num;
    if (row.num > num) return [row];
    if (row.num === num) hottest.push(row);
    return hottest;
  },
  getResult: (hottest) => hottest,
  merge: (a, b) => b.reduce((hottest, row) => HOTTEST.add(hottest, row), a),
};

/** The auctions with the most bids in the last 10 seconds, every 2 seconds. A window's counts come at its end, together. */
export const q5 = defineQuery({
  result: Row,
  build: ({ input }) =>
    input
      .bids(['auction'])
      .keyBy((bid) => bid.auction)
      .window(SlidingEventTimeWindows.of('10s', '2s'))
      .aggregate(
        COUNT as AggregateFunction<BidOf<'auction'>, number, number>,
        defineWindowFunction<number, Row>({
          process: (auction, { window }, [num], out) =>
            out.collect({ auction: auction as number, num: num!, windowStart: window.startMs }),
        }),
        { uid: 'bids-per-auction', twoPhase: true },
      )
      .windowAll(TumblingEventTimeWindows.of('2s'))
      .aggregate(HOTTEST, { uid: 'hottest', twoPhase: true })
      .flatMap((rows) => rows),
});
