/**
 * Async wait and look-up joins beside loops by hand: ns of CPU per record, driven as a task does. The function answers in
 * a later microtask, so that what is measured is the operator.
 * Run: npm run bench -- operators/async    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { MetricGroup } from '../../../engine/base/metrics.ts';
import { TaskMails } from '../../../engine/task/mailbox.ts';
import { Output } from '../../../engine/task/output.ts';
import type { OperatorContext, StreamOperator } from '../../../engine/task/stream-operator.ts';
import { AsyncWaitOperator } from '../../../operators/async/async-wait-operator.ts';
import type { LookupCacheOptions } from '../../../operators/async/lookup/lookup-cache-options.ts';
import { declareLookupJoin } from '../../../operators/async/lookup/lookup-join.ts';
import type { LookupTable } from '../../../operators/async/lookup/lookup-table.ts';
import { createHarnessContext, HarnessClock, OutputLog } from '../../harness/operators/harness-context.ts';
import { Event, type EventValue } from './events.ts';

const { clock, scheduler, variables } = createNodeEnvironment();
const IS_TEST = variables['TIDEMARK_BENCH'] === 'test';
const N = IS_TEST ? 20_000 : Number(variables['TIDEMARK_BENCH_EVENTS'] ?? 1_000_000);
const BATCH = 1024;
const CAPACITY = 1000;
const KEYS = 5_000;

class CountingOutput extends Output<unknown> {
  count = 0;

  collect(): void {
    this.count++;
  }
}

/** A way to do the work: hands over a batch and resolves when it can take the next one. */
interface Driver {
  batch(values: readonly EventValue[]): Promise<void>;
  finish(): Promise<void>;
  count(): number;
}

/** The operator, its mails run between batches as in a task. */
async function operatorDriver(create: () => StreamOperator<unknown>): Promise<Driver> {
  const operator = create();
  const output = new CountingOutput();
  const mails = new TaskMails();
  const context = createHarnessContext({
    clock: new HarnessClock(),
    log: new OutputLog(),
    metrics: new MetricGroup(),
    mails,
    backend: undefined,
    restoredOperatorState: [],
    isRestored: false,
    unreadTagIds: [],
  });
  operator.setup(Object.create(context, { output: { value: output } }) as OperatorContext);
  await operator.open();
  const hasRoom = (): boolean => true;
  const settle = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) {
      await scheduler.yield();
      while (mails.runNext(hasRoom));
    }
  };
  return {
    async batch(values) {
      for (let i = 0; i < values.length; i++) operator.processElement(values[i], values[i]!.at, 0);
      await settle(() => operator.blockedUntil() === undefined);
    },
    async finish() {
      operator.endInput(0);
      let isFinished = false;
      void Promise.resolve(operator.finish()).then(() => void (isFinished = true));
      await settle(() => isFinished);
    },
    count: () => output.count,
  };
}

const isList = (results: unknown): results is readonly unknown[] => Array.isArray(results);

type Ask = (value: EventValue) => Promise<readonly unknown[]> | readonly unknown[];

/** `CAPACITY` promises at a time. */
function handDriver(ask: Ask, isOrdered: boolean): Driver {
  const output = new CountingOutput();
  const emit = (results: readonly unknown[], value: EventValue): void => {
    for (const _ of results) output.collect();
    last = value;
  };
  let last: unknown;
  return {
    async batch(values) {
      for (let from = 0; from < values.length; from += CAPACITY) {
        const asked = values.slice(from, from + CAPACITY);
        if (isOrdered) {
          const pending = asked.map(ask);
          for (let i = 0; i < pending.length; i++) {
            const results = pending[i]!;
            emit(isList(results) ? results : await results, asked[i]!);
          }
        } else {
          await Promise.all(asked.map(async (value) => emit(await ask(value), value)));
        }
      }
      await scheduler.yield();
    },
    finish: async () => void last,
    count: () => output.count,
  };
}

const answer = (value: EventValue): Promise<readonly EventValue[]> => Promise.resolve([value]);

const waiting = (isOrdered: boolean, timeoutMs: number | undefined): StreamOperator<unknown> =>
  new AsyncWaitOperator<EventValue, EventValue>({
    fn: { asyncInvoke: answer, timeout: () => [] },
    schema: Event as never,
    isOrdered,
    capacity: CAPACITY,
    timeoutMs,
    retry: undefined,
  });

const table: LookupTable<number, string> = {
  description: 'a table',
  lookup: (key) => Promise.resolve([`row ${key}`]),
  async *scan() {
    for (let key = 0; key < KEYS; key++) yield [key, `row ${key}`] as const;
  },
};

const lookup = (cache: LookupCacheOptions | undefined): StreamOperator<unknown> =>
  declareLookupJoin<EventValue, number, string, unknown>(table, {
    uid: 'rows',
    schema: Event as never,
    keySelector: ({ user }) => user,
    result: ({ id }: EventValue, row: string) => ({ id, row }),
    capacity: CAPACITY,
    cache,
  }).factory();

/** Rows that were asked for are kept. */
function lookupByHand(keepsRows: boolean): Ask {
  const kept = new Map<number, readonly string[]>();
  return (value) => {
    const rows = kept.get(value.user);
    if (rows !== undefined) return rows.map((row) => ({ id: value.id, row }));
    return table.lookup(value.user, undefined as never).then((found) => {
      if (keepsRows) kept.set(value.user, found);
      return found.map((row) => ({ id: value.id, row }));
    });
  };
}

const CASES: readonly {
  readonly name: string;
  readonly create: () => StreamOperator<unknown>;
  readonly byHand: () => Driver;
  /** Says why, where the engine takes about twice as long. */
  readonly note?: string | undefined;
}[] = [
  { name: 'ordered wait', create: () => waiting(true, undefined), byHand: () => handDriver(answer, true) },
  { name: 'unordered wait', create: () => waiting(false, undefined), byHand: () => handDriver(answer, false) },
  {
    name: 'unordered wait with time-out',
    create: () => waiting(false, 60_000),
    byHand: () => handDriver(answer, false),
  },
  {
    name: 'look-up join, no cache',
    create: () => lookup(undefined),
    byHand: () => handDriver(lookupByHand(false), true),
    note: 'A third to half of the loop: requests for one key are shared and timed, which the loop does not do.',
  },
  {
    name: 'look-up join, partial cache, all hits in the end',
    create: () => lookup({ kind: 'partial', maxRows: 2 * KEYS }),
    byHand: () => handDriver(lookupByHand(true), true),
    note: 'About half of the loop: a use is noted and counted, so that rows can make room, which the loop does not do.',
  },
  {
    name: 'look-up join, full cache',
    create: () => lookup({ kind: 'full', reloadInterval: '1h' }),
    byHand: () => handDriver(lookupByHand(true), true),
  },
];

const word = process.argv[2] ?? '';
for (const { name, create, byHand, note } of CASES.filter((it) => it.name.includes(word))) {
  const hand = await measure(byHand());
  const engine = await measure(await operatorDriver(create));
  if (hand.count !== engine.count) throw new Error(`${name}: ${engine.count} results, by hand ${hand.count}`);
  const ratio = (hand.nsPerRecord / engine.nsPerRecord).toFixed(2);
  console.log(
    `${name.padEnd(50)} ${engine.nsPerRecord.toFixed(0).padStart(6)} ns   by hand ${hand.nsPerRecord.toFixed(0).padStart(6)} ns   ${ratio} of its speed`,
  );
  if (note !== undefined) console.log(`    ${note}`);
}

async function measure(driver: Driver): Promise<{ readonly nsPerRecord: number; readonly count: number }> {
  let spentMs = 0;
  let state = 7;
  for (let from = 0; from < N; from += BATCH) {
    const values = Array.from({ length: Math.min(BATCH, N - from) }, (_, k): EventValue => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return { id: `event-${from + k}`, user: (state >>> 0) % KEYS, at: from + k };
    });
    const startMs = clock.cpuMs();
    await driver.batch(values);
    spentMs += clock.cpuMs() - startMs;
  }
  const startMs = clock.cpuMs();
  await driver.finish();
  spentMs += clock.cpuMs() - startMs;
  return { nsPerRecord: (spentMs * 1e6) / N, count: driver.count() };
}
