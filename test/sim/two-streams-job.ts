import {
  broadcastState,
  DELETE,
  defineKeyedBroadcastProcess,
  EventTimeSessionWindows,
  INSERT,
  int,
  long,
  MAX_TIMESTAMP_MS,
  string,
  TumblingEventTimeWindows,
  UPDATE_AFTER,
  valueState,
} from '../../operators/index.ts';
import { Reading, readings } from './readings.ts';
import type { SimulatedJob } from './simulate.ts';

const schemas = { leftSchema: Reading, rightSchema: Reading };
type Row = readonly (string | number | undefined)[];

/** How often each user came, and how many limits there were in the end: all that does not depend on who came first. */
const counted = defineKeyedBroadcastProcess({
  uid: 'counted',
  broadcastState: { limits: broadcastState(string(), int()) },
  state: { count: valueState(int()), sum: valueState(long()) },
  processElement(reading: Reading, { state, timers }, _out) {
    state.count.update((state.count.value() ?? 0) + 1);
    state.sum.update((state.sum.value() ?? 0) + reading.amount);
    timers.registerEventTimeTimer(MAX_TIMESTAMP_MS);
  },
  processBroadcastElement(limit: Reading, { broadcastState: { limits } }) {
    limits.set(limit.user, Math.max(limits.get(limit.user) ?? 0, limit.amount));
  },
  onTimer(_timestampMs, { currentKey, state, broadcastState: { limits } }, out: { collect(row: Row): void }) {
    const known = [...limits].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([user, limit]) => `${user}=${limit}`);
    out.collect([String(currentKey), state.count.value(), state.sum.value(), known.join(' ')]);
  },
});

/** Two streams that meet: versions, windows and sessions over both, one told to all subtasks of the other. */
export const twoStreamsJob: SimulatedJob = {
  name: 'two-streams',
  sinkUids: ['rated', 'pairs', 'sessions', 'counts', 'whole'],
  build(env, sink) {
    const trades = readings(env, 'trades', { splitCount: 2, count: 220, recordsPerSecond: 1_800 });
    const prices = readings(env, 'rates', { splitCount: 1, count: 120, recordsPerSecond: 800 });
    const rates = prices.process<Reading>(() => ({
      processElement: (rate: Reading, _context, out: { collect(value: Reading, kind: 0 | 2 | 3): void }) =>
        out.collect(rate, rate.amount % 5 === 0 ? DELETE : rate.amount % 2 === 0 ? INSERT : UPDATE_AFTER),
    }));
    const tradesOf = trades.keyBy(({ user }) => user);
    const ratesOf = rates.keyBy(({ user }) => user);
    const pricesOf = prices.keyBy(({ user }) => user);
    tradesOf
      .temporalJoin(ratesOf)
      .leftOuter()
      .map((trade, rate): Row => [trade.source, trade.n, rate?.n], { uid: 'rates-of-trades', ...schemas })
      .sinkTo(sink(), { uid: 'rated' });
    tradesOf
      .join(pricesOf)
      .window(TumblingEventTimeWindows.of('1s'))
      .fullOuter()
      .apply((trade, rate): Row => [trade?.source, trade?.n, rate?.n], { uid: 'window-pairs', ...schemas })
      .sinkTo(sink(), { uid: 'pairs' });
    tradesOf
      .coGroup(pricesOf)
      .window(EventTimeSessionWindows.withGap('300ms'))
      .process(
        {
          process(user, { window }, [group], out: { collect(row: Row): void }) {
            const sum = (rows: readonly Reading[]): number => rows.reduce((all, { amount }) => all + amount, 0);
            out.collect([user, window.startMs, window.endMs, sum(group!.left), sum(group!.right)]);
          },
        },
        { uid: 'sessions-of-users', ...schemas },
      )
      .sinkTo(sink(), { uid: 'sessions' });
    tradesOf.connect(rates.broadcast()).process(counted).sinkTo(sink(), { uid: 'counts' });
    trades
      .rescale()
      .windowAll(TumblingEventTimeWindows.of('500ms'))
      .max('amount', { uid: 'largest', schema: Reading })
      .map((reading): Row => [reading.amount])
      .sinkTo(sink(), { uid: 'whole' });
  },
};
