import {
  aggregates,
  avg,
  collectionSource,
  count,
  countDistinct,
  defineJob,
  type GroupAggregateFunction,
  type Infer,
  long,
  max,
  record,
  string,
  timestampMs,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from 'tidemark';

const Bid = record('Bid', { auction: string(), bidder: string(), price: long(), at: timestampMs() });
type Bid = Infer<typeof Bid>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const BIDS: readonly Bid[] = [
  { auction: 'lamp', bidder: 'ann', price: 10, at: at('10:00:00') },
  { auction: 'lamp', bidder: 'bob', price: 30, at: at('10:00:10') },
  { auction: 'vase', bidder: 'ann', price: 500, at: at('10:00:40') },
  { auction: 'lamp', bidder: 'ann', price: 20, at: at('10:01:20') },
];

const isCheap = (bid: Bid): boolean => bid.price < 25;
const bidderOf = (bid: Bid): string => bid.bidder;

// #region function
/** The mean of prices that change: an old one is taken out again. */
const meanPrice: GroupAggregateFunction<{ price: number }, { sum: number; count: number }, number> = {
  accumulatorSchema: record('Mean', { sum: long(), count: long() }),
  createAccumulator: () => ({ sum: 0, count: 0 }),
  add: ({ sum, count: rows }, { price }) => ({ sum: sum + price, count: rows + 1 }),
  retract: ({ sum, count: rows }, { price }) => ({ sum: sum - price, count: rows - 1 }),
  merge: (a, b) => ({ sum: a.sum + b.sum, count: a.count + b.count }),
  getResult: ({ sum, count: rows }) => sum / rows,
};
// #endregion

export default defineJob({
  name: 'aggregates',
  build(env) {
    const bids = env.fromSource(
      collectionSource(BIDS, { recordsPerSecond: 4 }),
      'bids',
      WatermarkStrategy.forBoundedOutOfOrderness<Bid>('1s').withTimestamp((bid) => bid.at),
    );

    // #region columns
    const highest = bids
      .keyBy((bid) => bid.auction)
      .aggregate(aggregates({ price: max((bid) => bid.price) }), (auction, { price }) => ({ auction, price }), {
        uid: 'highest',
      });
    highest.print('highest');
    // #endregion

    // #region chained
    highest
      .keyBy(() => 'all')
      .aggregate(meanPrice, { uid: 'mean', emit: 'upsert' })
      .print('mean');
    // #endregion

    // #region distinct
    bids
      .keyBy((bid) => new Date(bid.at).toISOString().slice(0, 10))
      .aggregate(
        aggregates({
          bids: count(),
          bidders: countDistinct(bidderOf),
          cheapBidders: countDistinct(bidderOf, { where: isCheap }),
          mean: avg((bid) => bid.price),
        }),
        (day, row) => ({ day, ...row }),
        { uid: 'days', miniBatch: { latency: '10s' }, splitDistinct: true },
      )
      .print('day');
    // #endregion

    // #region window
    bids
      .windowAll(TumblingEventTimeWindows.of('1m'))
      .aggregate(aggregates({ bids: count<Bid>() }), { uid: 'per-minute', twoPhase: true })
      .print('minute');
    // #endregion
  },
});
