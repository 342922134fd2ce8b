import {
  type AggregateFunction,
  type AsyncFunction,
  AsyncRetryStrategies,
  compositeKey,
  type DataStream,
  defineProcess,
  defineWindowFunction,
  float64,
  int,
  listState,
  long,
  type LookupTable,
  mapState,
  OutputTag,
  record,
  string,
  TumblingEventTimeWindows,
  valueState,
} from '../../operators/index.ts';
import type { Environment } from '../../engine/base/environment.ts';
import { attributionJob } from './attribution-job.ts';
import { Reading, readings } from './readings.ts';
import type { SimulatedJob } from './simulate.ts';
import { twoStreamsJob } from './two-streams-job.ts';

const total: AggregateFunction<Reading, { sum: number; count: number }, { sum: number; count: number }> = {
  accumulatorSchema: record('Total', { sum: long(), count: int() }),
  createAccumulator: () => ({ sum: 0, count: 0 }),
  add: (accumulator, { amount }) => ({ sum: accumulator.sum + amount, count: accumulator.count + 1 }),
  getResult: (accumulator) => accumulator,
  merge: (a, b) => ({ sum: a.sum + b.sum, count: a.count + b.count }),
};

/** Union, filter, windows, and a second stage of windows over their results, with a side output beside. */
const windowsJob: SimulatedJob = {
  name: 'windows',
  sinkUids: ['per-user', 'per-window', 'odd'],
  build(env, sink) {
    const left = readings(env, 'left', { splitCount: 3, count: 240, recordsPerSecond: 2_000 });
    const right = readings(env, 'right', { splitCount: 1, count: 150, recordsPerSecond: 900 });
    const ODD = new OutputTag<string>('odd');
    const checked = left
      .union(right)
      .filter((reading) => reading.amount !== 50)
      .process(() => ({
        processElement(reading: Reading, context, out: { collect(value: Reading): void }) {
          if (reading.amount % 10 === 7) context.output(ODD, `${reading.source} ${reading.n}`);
          out.collect(reading);
        },
      }));
    checked.getSideOutput(ODD).sinkTo(sink(), { uid: 'odd' });
    const perUser = checked
      .keyBy((reading) => reading.user)
      .window(TumblingEventTimeWindows.of('1s'))
      .aggregate(
        total,
        defineWindowFunction({
          process(user: string, { window }, results: Iterable<{ sum: number; count: number }>, out) {
            for (const { sum, count } of results) out.collect({ user, startMs: window.startMs, sum, count });
          },
        }),
        { uid: 'user-windows' },
      ) as DataStream<{ user: string; startMs: number; sum: number; count: number }>;
    perUser.sinkTo(sink(), { uid: 'per-user' });
    perUser
      .keyBy(({ startMs }) => startMs)
      .window(TumblingEventTimeWindows.of('1s'))
      .aggregate(
        {
          accumulatorSchema: record('All', { users: int(), sum: long() }),
          createAccumulator: () => ({ users: 0, sum: 0 }),
          add: (all, { sum }) => ({ users: all.users + 1, sum: all.sum + sum }),
          getResult: (all) => all,
          merge: (a, b) => ({ users: a.users + b.users, sum: a.sum + b.sum }),
        },
        { uid: 'all-windows' },
      )
      .sinkTo(sink(), { uid: 'per-window' });
  },
};

/** All kinds of keyed state, timers set and moved, and many keys beside a few hot ones. */
const statesJob: SimulatedJob = {
  name: 'states',
  sinkUids: ['summaries'],
  build(env, sink) {
    readings(env, 'readings', { splitCount: 4, count: 300, recordsPerSecond: 3_000 })
      .keyBy((reading) => (reading.n % 3 === 0 ? compositeKey(reading.source, reading.n) : reading.user))
      .process(
        defineProcess({
          uid: 'summary',
          state: {
            count: valueState(int()),
            lastAt: valueState(long()),
            amounts: listState(int()),
            bySource: mapState(string(), float64()),
          },
          processElement(reading: Reading, { state, timers }, _out) {
            state.count.update((state.count.value() ?? 0) + 1);
            state.amounts.add(reading.amount);
            state.bySource.set(reading.source, (state.bySource.get(reading.source) ?? 0) + reading.amount);
            const lastAt = state.lastAt.value() ?? undefined;
            if (lastAt !== undefined && lastAt >= reading.atMs) return;
            // One timer per key, moved with the newest reading; far enough that no order of readings makes it fire early.
            if (lastAt !== undefined) timers.deleteEventTimeTimer(lastAt + 1_000_000);
            timers.registerEventTimeTimer(reading.atMs + 1_000_000);
            state.lastAt.update(reading.atMs);
          },
          onTimer(timestampMs, { state, currentKey }, out) {
            out.collect({
              key: currentKey,
              timestampMs,
              count: state.count.value(),
              amounts: [...(state.amounts.get() ?? [])].sort((a, b) => a - b),
              bySource: [...state.bySource.entries()].map(([source, sum]) => `${source}=${sum}`).sort(),
            });
          },
        }),
      )
      .sinkTo(sink(), { uid: 'summaries' });
  },
};

/** Two keyed inputs of different length that meet in shared state, and a stream that is dealt out in between. */
const joinJob: SimulatedJob = {
  name: 'join',
  sinkUids: ['pairs'],
  build(env, sink) {
    const orders = readings(env, 'orders', { splitCount: 2, count: 200, recordsPerSecond: 1_500 }).rebalance();
    const payments = readings(env, 'payments', { splitCount: 2, count: 90, recordsPerSecond: 500 });
    orders
      .map((order) => ({ ...order, amount: order.amount + 1 }))
      .keyBy((order) => order.user)
      .intervalJoin(payments.keyBy((payment) => payment.user))
      .between('-300ms', '500ms')
      .fullOuter({ emitUnmatched: 'final', cleanupInterval: '200ms' })
      .map((order, payment) => [order?.source, order?.n, order?.amount, payment?.source, payment?.n], {
        uid: 'pairs-of-user',
        leftSchema: Reading,
        rightSchema: Reading,
      })
      .sinkTo(sink(), { uid: 'pairs' });
  },
};

/** A service that answers after a random while. It is the same service for all. */
class Service implements AsyncFunction<Reading, Reading>, LookupTable<string, number> {
  readonly description = 'a service';
  #environment: Environment = undefined as never;

  open({ environment }: { readonly environment: Environment }): void {
    this.#environment = environment;
  }

  async asyncInvoke(reading: Reading): Promise<Reading[]> {
    await this.#pause();
    return answers(reading);
  }

  timeout(reading: Reading): Reading[] {
    return answers(reading);
  }

  async lookup(user: string): Promise<readonly number[]> {
    await this.#pause();
    return Array.from({ length: Number(user.slice(1)) % 3 }, (_, i) => i);
  }

  #pause(): Promise<void> {
    const { random, scheduler } = this.#environment;
    return scheduler.delay(random.next() < 0.1 ? 100 : random.next() * 20);
  }
}

function answers(reading: Reading): Reading[] {
  return reading.amount % 10 === 3 ? [] : [{ ...reading, amount: reading.amount + 1 }];
}

/** Functions and look-ups that take their time, in order and out of it, with windows behind them. */
const asyncJob: SimulatedJob = {
  name: 'async',
  sinkUids: ['sums', 'rows'],
  build(env, sink) {
    const asked = readings(env, 'readings', { splitCount: 3, count: 300, recordsPerSecond: 1_500 }).unorderedWait(
      new Service(),
      {
        uid: 'ask',
        schema: Reading,
        capacity: 10,
        timeout: 60,
        // Gives the same: at the end of input nothing is tried again.
        retry: AsyncRetryStrategies.fixedDelay({
          maxAttempts: 3,
          delay: 5,
          ifResult: ([first]) => first !== undefined && first.n % 7 === 0,
        }),
      },
    );
    asked
      .keyBy((reading) => reading.user)
      .window(TumblingEventTimeWindows.of('1s'))
      .aggregate(
        total,
        defineWindowFunction({
          process: (user: string, { window }, [sum], out: { collect(row: unknown): void }) =>
            out.collect({ user, startMs: window.startMs, ...sum }),
        }),
        { uid: 'sums-per-user' },
      )
      .sinkTo(sink(), { uid: 'sums' });
    asked
      .orderedWait((reading) => [{ ...reading, amount: -reading.amount }], { uid: 'at-once', schema: Reading })
      .lookupJoin(new Service(), {
        uid: 'look-up',
        schema: Reading,
        keySelector: (reading) => reading.user,
        join: 'left',
        result: ({ source, n, amount }, row) => [source, n, amount, row ?? null],
        cache: { kind: 'partial', maxRows: 10, expireAfterWrite: 50 },
        parallelism: 2,
      })
      .sinkTo(sink(), { uid: 'rows' });
  },
};

export const SIMULATED_JOBS: readonly SimulatedJob[] = [
  windowsJob,
  statesJob,
  joinJob,
  twoStreamsJob,
  asyncJob,
  attributionJob,
];
