import { expect, test } from 'vitest';
import {
  aggregates,
  avg,
  type Collector,
  count,
  countDistinct,
  DELETE,
  defineProcess,
  type GroupAggregateOptions,
  INSERT,
  max,
  min,
  SlidingEventTimeWindows,
  sum,
  type TimeWindow,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../../operators/source/collection/collection-source.ts';
import type { StreamExecutionEnvironment } from '../../../operators/stream-execution-environment.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';

interface Bid {
  readonly at: number;
  readonly day: string;
  readonly bidder: number;
  readonly price: number;
  readonly isTakenBack: boolean;
}

const COUNT = 6000;

/** Every sixth row takes back the one twenty places before it, of the same split. */
function bidAt(i: number): Bid {
  if (i >= 20 && i % 6 === 5) return { ...bidAt(i - 20), isTakenBack: true };
  const bidder = (i * i) % 97;
  return { at: i, day: `day-${i % 3}`, bidder, price: (i * 7919) % 1000, isTakenBack: false };
}

const BIDS = Array.from({ length: COUNT }, (_, i) => bidAt(i));
const isCheap = (bid: Bid): boolean => bid.price < 300;
const bidderOf = (bid: Bid): number => bid.bidder;

const COLUMNS = {
  bids: count<Bid>(),
  cheap: count({ where: isCheap }),
  total: sum((bid: Bid) => bid.price),
  mean: avg((bid: Bid) => bid.price, { where: isCheap }),
  bidders: countDistinct(bidderOf),
  cheapBidders: countDistinct(bidderOf, { where: isCheap }),
  prices: countDistinct((bid: Bid) => bid.price, { where: (bid) => bid.bidder > 50 }),
};
const WITH_EXTREMES = {
  ...COLUMNS,
  lowest: min((bid: Bid) => bid.price),
  highest: max((bid: Bid) => bid.price, { where: isCheap }),
};

function expectedOf(bids: readonly Bid[]): Record<string, unknown>[] {
  return [...new Set(bids.map(({ day }) => day))].map((day) => {
    const rows = bids.filter((bid) => bid.day === day);
    const prices = rows.map(({ price }) => price);
    const cheap = prices.filter((price) => price < 300);
    const totalOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    return {
      day,
      bids: rows.length,
      cheap: cheap.length,
      total: totalOf(prices),
      mean: totalOf(cheap) / cheap.length,
      bidders: new Set(rows.map(bidderOf)).size,
      cheapBidders: new Set(rows.filter(isCheap).map(bidderOf)).size,
      prices: new Set(rows.filter(({ bidder }) => bidder > 50).map(({ price }) => price)).size,
    };
  });
}

const LEFT = BIDS.flatMap((bid, i) => (bid.isTakenBack || (i + 20 < COUNT && (i + 20) % 6 === 5) ? [] : [bid]));
const ADDED = BIDS.filter(({ isTakenBack }) => !isTakenBack);

/** Takes two splits a while, and fails once when it is halfway. */
function bidsOf(env: StreamExecutionEnvironment, failure: { isDue: boolean }) {
  return env
    .fromSource(
      collectionSource(BIDS, { splits: 2, recordsPerSecond: 2000 }),
      'bids',
      WatermarkStrategy.forBoundedOutOfOrderness<Bid>('50ms').withTimestamp(({ at }) => at),
    )
    .filter(({ at }) => {
      if (!failure.isDue || at < COUNT / 2) return true;
      failure.isDue = false;
      throw new Error('halfway');
    });
}

async function run<R>(
  build: (env: StreamExecutionEnvironment, rows: CollectedRows<R>) => void,
): Promise<CollectedRows<R>> {
  const rows = new CollectedRows<R>();
  const job = startVirtualJob({
    parallelism: 2,
    checkpointInterval: '300ms',
    restart: { kind: 'fixed-delay', attempts: 1, delay: '10ms' },
    build: (env) => build(env, rows),
  });
  expect(await job.environment.run(job.execution.result)).toMatchObject({ state: 'finished' });
  expect(job.log.filter((line) => line.includes('halfway')).length).toBeGreaterThan(0);
  return rows;
}

const byDay = (rows: readonly Record<string, unknown>[]): Record<string, unknown>[] =>
  rows.toSorted((a, b) => (String(a['day']) < String(b['day']) ? -1 : 1));

const miniBatch = { latency: '150ms', size: 400 } as const;
const PLANS: readonly (Omit<GroupAggregateOptions, 'uid'> & { readonly name: string })[] = [
  { name: 'row by row' },
  { name: 'mini-batches', miniBatch },
  { name: 'two phases', miniBatch, twoPhase: true },
  { name: 'two phases, very small batches', miniBatch: { latency: '1ms', size: 3 }, twoPhase: true },
];

const changes = defineProcess({
  uid: 'changes',
  processElement(bid: Bid, _context, out: Collector<Bid>) {
    out.collect(bid, bid.isTakenBack ? DELETE : INSERT);
  },
});

const SPLIT_PLANS: typeof PLANS = [
  { name: 'values by themselves', miniBatch, splitDistinct: true },
  {
    name: 'values by themselves, very small batches',
    miniBatch: { latency: '1ms', size: 3 },
    splitDistinct: true,
  },
];

test.each([...PLANS, ...SPLIT_PLANS])(
  'an aggregate of rows that are taken back, through a failure: $name',
  async (plan) => {
    const rows = await run<Record<string, unknown>>((env, into) => {
      bidsOf(env, failureOf(into))
        .process(changes)
        .keyBy((bid) => bid.day)
        .aggregate(aggregates(COLUMNS), (day, row) => ({ day, ...row }), { uid: 'days', input: 'changelog', ...plan })
        .sinkTo(collectSink({ into }), { uid: 'out' });
    });
    expect(byDay(rows.materialized())).toEqual(byDay(expectedOf(LEFT)));
  },
);

test.each([...PLANS, ...SPLIT_PLANS])('a group that is empty is gone, and may come back: $name', async (plan) => {
  const COME = 200;
  const bids = Array.from({ length: 3 * COME }, (_, i): Bid => {
    const isTakenBack = i >= COME && i < 2 * COME;
    const bid = bidAt(i % COME);
    const day = i % 2 === 0 ? 'gone' : 'back';
    return { ...bid, at: i, day: i >= 2 * COME && day === 'gone' ? 'other' : day, isTakenBack };
  });
  const rows = new CollectedRows<Record<string, unknown>>();
  const job = startVirtualJob({
    parallelism: 2,
    checkpointInterval: '20ms',
    build: (env) => {
      env
        .fromSource(
          collectionSource(bids, { splits: 2, recordsPerSecond: 2000 }),
          'bids',
          WatermarkStrategy.forBoundedOutOfOrderness<Bid>('5ms').withTimestamp(({ at }) => at),
        )
        .process(changes)
        .keyBy((bid) => bid.day)
        .aggregate(aggregates(COLUMNS), (day, row) => ({ day, ...row }), { uid: 'days', input: 'changelog', ...plan })
        .sinkTo(collectSink({ into: rows }), { uid: 'out' });
    },
  });
  expect(await job.environment.run(job.execution.result)).toMatchObject({ state: 'finished' });
  expect(byDay(rows.materialized())).toEqual(byDay(expectedOf(bids.slice(2 * COME))));
  expect(rows.records().some(({ kind, value }) => kind === DELETE && value['day'] === 'gone')).toBe(true);
});

test.each([...PLANS, { name: 'values by themselves', miniBatch, splitDistinct: true }])(
  'an aggregate of different values and extremes, through a failure: $name',
  async (plan) => {
    const rows = await run<Record<string, unknown>>((env, into) => {
      bidsOf(env, failureOf(into))
        .filter(({ isTakenBack }) => !isTakenBack)
        .keyBy((bid) => bid.day)
        .aggregate(aggregates(WITH_EXTREMES), (day, row) => ({ day, ...row }), { uid: 'days', ...plan })
        .sinkTo(collectSink({ into }), { uid: 'out' });
    });
    const prices = ADDED.map(({ price }) => price);
    const extremes = { lowest: Math.min(...prices), highest: Math.max(...prices.filter((price) => price < 300)) };
    const found = byDay(rows.materialized()) as (Record<string, unknown> & typeof extremes)[];
    expect(Math.min(...found.map(({ lowest }) => lowest))).toBe(extremes.lowest);
    expect(Math.max(...found.map(({ highest }) => highest))).toBe(extremes.highest);
    expect(found.map(({ lowest: _l, highest: _h, ...row }) => row)).toEqual(byDay(expectedOf(ADDED)));
  },
);

test('windows over a whole stream are aggregated by all subtasks first, with the same results', async () => {
  const assigners = [TumblingEventTimeWindows.of('500ms'), SlidingEventTimeWindows.of('500ms', '200ms')];
  for (const assigner of assigners) {
    for (const twoPhase of [false, true]) {
      const rows = await run<Record<string, unknown>>((env, into) => {
        bidsOf(env, failureOf(into))
          .filter(({ isTakenBack }) => !isTakenBack)
          .windowAll(assigner)
          .aggregate(
            aggregates({ bids: count<Bid>(), bidders: countDistinct(bidderOf) }),
            {
              process: (_key, { window }, [row], out) => out.collect({ start: (window as TimeWindow).startMs, ...row }),
            },
            { uid: 'all', twoPhase },
          )
          .sinkTo(collectSink({ into }), { uid: 'out' });
      });
      const expected: { start: number; bids: number; bidders: number }[] = [];
      for (let start = -400; start < COUNT; start += assigner.slideMs) {
        const startMs = Math.floor(start / assigner.slideMs) * assigner.slideMs;
        const bids = ADDED.filter(({ at }) => at >= startMs && at < startMs + 500);
        if (bids.length === 0 || expected.some((row) => row.start === startMs)) continue;
        expected.push({ start: startMs, bids: bids.length, bidders: new Set(bids.map(bidderOf)).size });
      }
      expect(rows.values().toSorted((a, b) => Number(a['start']) - Number(b['start']))).toEqual(expected);
    }
  }
});

const failures = new WeakMap<object, { isDue: boolean }>();

/** One failure per run, whatever the attempt. */
function failureOf(run: object): { isDue: boolean } {
  let failure = failures.get(run);
  if (failure === undefined) failures.set(run, (failure = { isDue: true }));
  return failure;
}
