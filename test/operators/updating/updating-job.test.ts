import { expect, test } from 'vitest';
import {
  CollectedRows,
  collectionSource,
  collectSink,
  compositeKey,
  type DataStream,
  type Infer,
  long,
  record,
  string,
  type StreamExecutionEnvironment,
  UserError,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';

const Auction = record('Auction', { id: long(), category: long(), at: long() });
const Bid = record('Bid', { auction: long(), bidder: string(), price: long(), at: long() });
const Offer = record('Offer', { auction: long(), category: long(), price: long(), at: long() });
type Auction = Infer<typeof Auction>;
type Bid = Infer<typeof Bid>;
type Offer = Infer<typeof Offer>;

const AUCTIONS: readonly Auction[] = Array.from({ length: 60 }, (_, i) => ({ id: i, category: i % 3, at: i * 40 }));
/** Some before their auction, some on auctions that there are not. */
const BIDS: readonly Bid[] = Array.from({ length: 600 }, (_, i) => ({
  auction: Math.max(0, Math.floor(i / 10) + ((i * 7) % 9) - 4),
  bidder: `b${i % 5}`,
  price: (i * 7919) % 50,
  at: i * 4,
}));

/** Bids that were read so far, those read again included. */
let readCount = 0;

function bidsOf(env: StreamExecutionEnvironment): DataStream<Bid> {
  return env
    .fromSource(
      collectionSource(BIDS, { recordsPerSecond: 100 }),
      'bids',
      WatermarkStrategy.forBoundedOutOfOrderness<Bid>('1s').withTimestamp((bid) => bid.at),
    )
    .map((bid) => {
      readCount++;
      if (readCount === 250 || readCount === 420) throw new Error('a failure in the middle');
      return bid;
    });
}

function auctionsOf(env: StreamExecutionEnvironment): DataStream<Auction> {
  return env.fromSource(
    collectionSource(AUCTIONS, { recordsPerSecond: 10 }),
    'auctions',
    WatermarkStrategy.forBoundedOutOfOrderness<Auction>('1s').withTimestamp((auction) => auction.at),
  );
}

/** Fails twice in the middle, with checkpoints every 300 ms. */
async function rowsOf<T>(build: (env: StreamExecutionEnvironment) => DataStream<T>): Promise<T[]> {
  const rows = new CollectedRows<T>();
  readCount = 0;
  const job = startVirtualJob({
    parallelism: 2,
    checkpointInterval: 300,
    restart: { kind: 'fixed-delay', attempts: 2, delay: 10 },
    build: (env) => build(env).sinkTo(collectSink({ into: rows }), { uid: 'out' }),
  });
  expect(await job.environment.run(job.execution.result)).toMatchObject({ state: 'finished' });
  expect(readCount).toBeGreaterThan(BIDS.length);
  return rows.materialized();
}

const texts = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).toSorted();

const OFFERS: readonly Offer[] = BIDS.flatMap(({ auction, price, at }) =>
  AUCTIONS.filter(({ id }) => id === auction).map(({ category }) => ({ auction, category, price, at })),
);
const offersOf = (env: StreamExecutionEnvironment): DataStream<Offer> =>
  bidsOf(env)
    .keyBy((bid) => bid.auction)
    .regularJoin(
      auctionsOf(env).keyBy((auction) => auction.id),
      (bid, auction): Offer => ({ auction: bid.auction, category: auction.category, price: bid.price, at: bid.at }),
      {
        uid: 'offers',
        left: { schema: Bid, insertOnly: true },
        right: { schema: Auction, unique: true, insertOnly: true },
      },
    );

test('a regular join through failures: every pair once', async () => {
  expect(texts(await rowsOf(offersOf))).toEqual(texts(OFFERS));
});

test('an outer regular join through failures: what has found no partner is padded', async () => {
  const rows = await rowsOf((env) =>
    bidsOf(env)
      .keyBy((bid) => bid.auction)
      .regularJoin(
        auctionsOf(env).keyBy((auction) => auction.id),
        (bid, auction) => `${bid?.at} ${auction?.id}`,
        { uid: 'all', type: 'full', left: { schema: Bid }, right: { schema: Auction } },
      ),
  );
  const isAuction = (id: number): boolean => id < AUCTIONS.length;
  const expected = BIDS.map(({ at, auction }) => `${at} ${isAuction(auction) ? auction : undefined}`);
  const withBids = new Set(BIDS.map(({ auction }) => auction));
  for (const { id } of AUCTIONS) if (!withBids.has(id)) expected.push(`undefined ${id}`);
  expect(rows.toSorted()).toEqual(expected.toSorted());
});

test('top-N of a join through failures, with changes held back', async () => {
  const rows = await rowsOf((env) =>
    offersOf(env)
      .keyBy((offer) => offer.category)
      .topN({
        uid: 'best',
        n: 3,
        orderBy: [{ field: 'price', direction: 'desc' }, { field: 'at' }],
        schema: Offer,
        miniBatch: { latency: '200ms', size: 5 },
        withRank: true,
      }),
  );
  const expected = [0, 1, 2].flatMap((category) =>
    OFFERS.filter((offer) => offer.category === category)
      .toSorted((a, b) => b.price - a.price || a.at - b.at)
      .slice(0, 3)
      .map((offer, i) => ({ ...offer, rank: i + 1 })),
  );
  expect(texts(rows)).toEqual(texts(expected));
});

test('the last bid of everybody on every auction, through failures', async () => {
  const rows = await rowsOf((env) =>
    bidsOf(env)
      .keyBy((bid) => compositeKey(bid.auction, bid.bidder))
      .deduplicate({ uid: 'last', keep: 'last', orderBy: 'eventTime', schema: Bid }),
  );
  const last = new Map<string, Bid>();
  for (const bid of BIDS) last.set(`${bid.auction} ${bid.bidder}`, bid);
  expect(texts(rows)).toEqual(texts([...last.values()]));
});

test('what does not fit together is refused in words', () => {
  const build = (make: (env: StreamExecutionEnvironment) => unknown) => () =>
    startVirtualJob({ build: (env) => void make(env) });
  const keyed = (env: StreamExecutionEnvironment) => bidsOf(env).keyBy((bid) => bid.auction);
  const join = (env: StreamExecutionEnvironment, options: unknown) => {
    const bids = keyed(env);
    bids.regularJoin(bids, (left) => left, options as never);
  };
  const orderBy = { field: 'price' } as const;
  const refused: [(env: StreamExecutionEnvironment) => unknown, string][] = [
    [(env) => keyed(env).topN({ uid: 'a', n: 0, orderBy, schema: Bid }), "topN 'a' needs the number of rows"],
    [(env) => keyed(env).topN({ uid: 'a', n: 1, orderBy, schema: undefined as never }), 'has no schema'],
    [(env) => keyed(env).topN({ uid: 'a', n: 1, orderBy: [], schema: Bid }), "'a' needs an order of rows"],
    [(env) => keyed(env).topN({ uid: 'a', n: 1, orderBy, schema: Bid, input: 'upsert' }), 'a rowKey'],
    [
      (env) => keyed(env).topN({ uid: 'a', n: 1, orderBy, schema: Bid, input: 'changelog', ttl: { eventTime: '1h' } }),
      'has no ttl',
    ],
    [
      (env) => keyed(env).topN({ uid: 'a', n: 1, orderBy, schema: Bid, miniBatch: { latency: 0 } }),
      "the mini-batch of 'a' needs a positive latency",
    ],
    [(env) => keyed(env).deduplicate({ uid: 'a', keep: 'one' as never }), 'which record of a key to keep'],
    [(env) => keyed(env).deduplicate({ uid: 'a', keep: 'last' }), 'has no schema'],
    [(env) => join(env, { uid: 'a', left: { schema: Bid } }), 'keeps rows of its right side but has no schema'],
    [
      (env) =>
        keyed(env).regularSelfJoin((left) => left, {
          uid: 'a',
          left: { schema: Bid },
          right: { schema: Bid },
        } as never),
      'does not know which records are on which side',
    ],
  ];
  for (const [make, message] of refused) {
    expect(build(make)).toThrow(UserError);
    expect(build(make)).toThrow(message);
  }
});
