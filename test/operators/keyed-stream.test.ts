import { expect, test } from 'vitest';
import {
  defineJob,
  type Infer,
  type KeyedStream,
  long,
  record,
  string,
  WatermarkStrategy,
  type DataStream,
  TumblingEventTimeWindows,
} from '../../operators/index.ts';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import { type JobDriver, testJob } from '../harness/test-job.ts';

const Bid = record('Bid', { bidder: string(), price: long(), at: long() });
type Bid = Infer<typeof Bid>;
type Bids = { readonly bids: DataStream<Bid>; readonly byBidder: KeyedStream<Bid, string> };
const OPTIONS = { uid: 'tested', schema: Bid };

const bid = (bidder: string, price: number, at = 0): Bid => ({ bidder, price, at });

async function start<T>(build: (bids: Bids) => DataStream<T>): Promise<JobDriver> {
  const job = defineJob({
    name: 'bids',
    params: {},
    build(env) {
      const strategy = WatermarkStrategy.noWatermarks<Bid>().withTimestamp(({ at }) => at);
      const bids = env.fromSource(collectionSource<Bid>([]), 'bids', strategy);
      build({ bids, byBidder: bids.keyBy(({ bidder }) => bidder) }).sinkTo(collectSink({}), { uid: 'out' });
    },
  });
  return await testJob(job, { parallelism: 2 });
}

/** All bids of `a` come to the subtask of `a` in this order. */
const BIDS = [bid('a', 5, 1), bid('b', 1, 2), bid('a', 7, 3), bid('a', 2, 4), bid('a', 7, 5)];
const ofA = (driver: JobDriver): Bid[] =>
  driver
    .sink<Bid>('out')
    .take()
    .filter(({ bidder }) => bidder === 'a');

test.each<[string, (bids: KeyedStream<Bid, string>) => DataStream<Bid>, Bid[]]>([
  ['sum', (bids) => bids.sum('price', OPTIONS), [bid('a', 5, 1), bid('a', 12, 1), bid('a', 14, 1), bid('a', 21, 1)]],
  ['min', (bids) => bids.min('price', OPTIONS), [bid('a', 5, 1), bid('a', 5, 1), bid('a', 2, 1), bid('a', 2, 1)]],
  ['max', (bids) => bids.max('price', OPTIONS), [bid('a', 5, 1), bid('a', 7, 1), bid('a', 7, 1), bid('a', 7, 1)]],
  ['minBy', (bids) => bids.minBy('price', OPTIONS), [bid('a', 5, 1), bid('a', 5, 1), bid('a', 2, 4), bid('a', 2, 4)]],
  ['maxBy', (bids) => bids.maxBy('price', OPTIONS), [bid('a', 5, 1), bid('a', 7, 3), bid('a', 7, 3), bid('a', 7, 3)]],
])('%s of a field, after every record of a key', async (_name, build, expected) => {
  const driver = await start(({ byBidder }) => build(byBidder));
  for (const one of BIDS) driver.source('bids').push(one);
  expect(ofA(driver)).toEqual(expected);
});

test('the same of a window', async () => {
  const driver = await start(({ byBidder }) =>
    byBidder.window(TumblingEventTimeWindows.of(10)).maxBy('price', OPTIONS),
  );
  for (const one of BIDS) driver.source('bids').push(one);
  driver.watermark(10);
  expect(ofA(driver)).toEqual([bid('a', 7, 3)]);
});

const prices = {
  process: (key: string, _context: unknown, bids: readonly Bid[], out: { collect(text: string): void }): void =>
    out.collect(`${key}: ${bids.map(({ price }) => price).join(' ')}`),
};

test('windows by count: full ones only, per key or over all', async () => {
  const byKey = await start(({ byBidder }) => byBidder.countWindow(2).process(prices, OPTIONS));
  const overAll = await start(({ bids }) => bids.countWindowAll(3).process(prices, OPTIONS));
  for (const driver of [byKey, overAll])
    for (let i = 1; i <= 7; i++) driver.source('bids').push(bid(i % 3 === 0 ? 'b' : 'a', i));
  expect(byKey.sink<string>('out').take().toSorted()).toEqual(['a: 1 2', 'a: 4 5', 'b: 3 6']);
  expect(overAll.sink('out').take()).toEqual(['all: 1 2 3', 'all: 4 5 6']);
});

test('windows by count that slide hold the last records', async () => {
  const driver = await start(({ byBidder }) => byBidder.countWindow(3, 2).process(prices, OPTIONS));
  for (let i = 1; i <= 7; i++) driver.source('bids').push(bid('a', i));
  expect(driver.sink('out').take()).toEqual(['a: 1 2', 'a: 2 3 4', 'a: 4 5 6']);
});

test('windows over a whole stream run in one subtask, and no other number is accepted', async () => {
  const build = ({ bids }: Bids, parallelism?: number): DataStream<Bid> =>
    bids.windowAll(TumblingEventTimeWindows.of(10)).sum('price', { ...OPTIONS, parallelism });
  const driver = await start((bids) => build(bids));
  for (const one of BIDS) driver.source('bids').push(one);
  driver.watermark(9);
  expect(driver.sink('out').takeRecords()).toMatchObject([{ value: bid('a', 22, 1), timestampMs: 9 }]);
  await expect(start((bids) => build(bids, 2))).rejects.toThrow(
    "windows over a whole stream have parallelism 1, found 2 for 'tested'",
  );
});

test.each([
  [0, undefined, 'found 0'],
  [2.5, undefined, 'found 2.5'],
  [3, 0, 'found 3 and 0'],
])('a window of %s records every %s is refused', async (size, slide, message) => {
  await expect(start(({ byBidder }) => byBidder.countWindow(size, slide).process(prices, OPTIONS))).rejects.toThrow(
    message,
  );
});

test('reduce without a schema is refused when the job is written', async () => {
  const options = { uid: 'tested' } as typeof OPTIONS;
  await expect(start(({ byBidder }) => byBidder.reduce((a) => a, options))).rejects.toThrow(
    "reduce 'tested' keeps records but has no schema for them",
  );
});
