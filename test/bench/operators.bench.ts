/**
 * Window and join operators on the engine's keyed state, driven as a task does: ns of CPU time per record.
 * Run: npm run bench -- operators    Unit: ns per record, CPU of the process    Sizes: below (tiny when TIDEMARK_BENCH=test)
 */
import { createHarnessContext, HarnessClock, OutputLog } from '../harness/operators/harness-context.ts';
import { MetricGroup } from '../../engine/base/metrics.ts';
import { Output } from '../../engine/task/output.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import { IntervalJoinOperator } from '../../operators/join/interval-join-operator.ts';
import { OuterIntervalJoinOperator } from '../../operators/join/outer-interval-join-operator.ts';
import type { AggregateFunction } from '../../operators/process/state-spec.ts';
import { createWindowOperator } from '../../operators/window/create-window-operator.ts';
import { SlidingEventTimeWindows, TumblingEventTimeWindows } from '../../operators/window/fixed-windows.ts';
import { EventTimeSessionWindows } from '../../operators/window/session-windows.ts';
import type { TimeWindow } from '../../operators/window/window.ts';
import type { WindowAssigner } from '../../operators/window/window-assigner.ts';
import type { Key } from '../../state/keyed/key.ts';
import { createKeyedStateBackend } from '../../state/keyed/paged-keyed-state-backend.ts';
import { record } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import { MemoryStorage } from '../state/keyed/memory-storage.ts';

const IS_TEST = process.env['TIDEMARK_BENCH'] === 'test';
const N = IS_TEST ? 20_000 : 2_000_000;
const BATCH = 1024;
/** Records per second of event time. */
const RATE = 100_000;
const WATERMARK_EVERY_RECORDS = 20 * BATCH;
const OUT_OF_ORDERNESS_MS = 4_000;

const Event = record('Event', { id: string(), user: long(), at: long() });
interface EventValue {
  readonly id: string;
  readonly user: number;
  readonly at: number;
}

class CountingOutput extends Output<unknown> {
  count = 0;

  collect(): void {
    this.count++;
  }
}

const count: AggregateFunction<EventValue, number, number> = {
  accumulatorSchema: long(),
  createAccumulator: () => 0,
  add: (total) => total + 1,
  merge: (a, b) => a + b,
  getResult: (total) => total,
};

interface Case {
  readonly name: string;
  readonly create: () => StreamOperator<unknown>;
  readonly keyOf: (i: number, random: () => number) => Key;
  /** Input of the record: 0 or 1. Undefined: one input. */
  readonly sideOf?: ((i: number, random: () => number) => 0 | 1) | undefined;
}

function windowed(assigner: WindowAssigner<never, TimeWindow>): StreamOperator<unknown> {
  return createWindowOperator<EventValue, never, unknown, TimeWindow>(
    {
      assigner: assigner as unknown as WindowAssigner<EventValue, TimeWindow>,
      allowedLatenessMs: 0,
      lateTag: undefined,
    },
    { kind: 'aggregate', aggregate: count as never },
    undefined,
  );
}

const pair = {
  processElement: (left: unknown, right: unknown, _context: unknown, out: { collect(value: unknown): void }) =>
    out.collect({ left, right }),
};
const interval = { lowerMs: 0, upperMs: 10_000, leftSchema: Event, rightSchema: Event, logic: pair as never };

/** As Nexmark's bids: half on the hot auction of a hundred, the rest on the last hundred. */
const auctionOf = (i: number, random: () => number): Key => {
  const last = Math.floor((i * 3) / 46);
  return random() < 0.5 ? Math.floor(last / 100) * 100 : Math.max(0, last - Math.floor(random() * 100));
};

/** One impression per key; one in twenty is followed by its click, up to a hundred records later. */
const isClick = (i: number): boolean => i % 20 === 19;

const CASES: readonly Case[] = [
  {
    name: 'tumbling 10 s, count, 1,000 keys',
    create: () => windowed(TumblingEventTimeWindows.of('10s') as never),
    keyOf: (_i, random) => Math.floor(random() * 1000),
  },
  {
    name: 'sliding 10 s by 2 s, count, auctions',
    create: () => windowed(SlidingEventTimeWindows.of('10s', '2s') as never),
    keyOf: auctionOf,
  },
  {
    name: 'session 10 s, count, bidders',
    create: () => windowed(EventTimeSessionWindows.withGap('10s') as never),
    keyOf: (i, random) =>
      random() < 0.75 ? Math.floor(i / 5000) * 100 : Math.floor(i / 50) + Math.floor(random() * 1000),
  },
  {
    name: 'interval join, one impression a key, 5 % clicks',
    create: () => new IntervalJoinOperator({ ...interval, leftLateTag: undefined, rightLateTag: undefined }),
    keyOf: (i, random) => `imp-${isClick(i) ? Math.max(0, i - 1 - Math.floor(random() * 100)) : i}`,
    sideOf: (i) => (isClick(i) ? 1 : 0),
  },
  {
    name: 'left outer interval join, the same',
    create: () =>
      new OuterIntervalJoinOperator({
        ...interval,
        joinType: 'left',
        allowedLatenessMs: 0,
        cleanupIntervalMs: 0,
        isPrompt: true,
        watermarkDelayMs: 10_001,
        emitUnmatched: 'final',
      }),
    keyOf: (i, random) => `imp-${isClick(i) ? Math.max(0, i - 1 - Math.floor(random() * 100)) : i}`,
    sideOf: (i) => (isClick(i) ? 1 : 0),
  },
];

const word = process.argv[2] ?? '';
for (const it of CASES.filter(({ name }) => name.includes(word))) await run(it);

async function run({ name, create, keyOf, sideOf }: Case): Promise<void> {
  const backend = await createKeyedStateBackend({
    operatorUid: 'bench',
    maxParallelism: 128,
    keyGroupStart: 0,
    keyGroupEnd: 128,
    store: new HeapPageStore(),
    storeOperatorId: 0,
    storage: new MemoryStorage(),
    restoreFiles: [],
    cache: { decodedBytesMax: 64 << 20, encodedBytesMax: 512 << 20 },
  });
  const clock = new HarnessClock();
  const output = new CountingOutput();
  const operator = create();
  operator.setup({
    ...createHarnessContext({
      clock,
      log: new OutputLog(),
      metrics: new MetricGroup(),
      backend,
      restoredOperatorState: [],
      isRestored: false,
      unreadTagIds: [],
    }),
    keyedState: backend,
    output: output as Output<never>,
  });
  await operator.open();
  const onTimer = (timestampMs: number, namespace: Key): void =>
    operator.onEventTimeTimer(timestampMs, namespace as number);

  const random = seeded(7);
  const keys = new Array<Key>(BATCH).fill('');
  const values = new Array<EventValue>(BATCH);
  const times = new Float64Array(BATCH);
  const sides = new Uint8Array(BATCH);
  let spentNs = 0;
  for (let from = 0; from < N; from += BATCH) {
    const length = Math.min(BATCH, N - from);
    for (let k = 0; k < length; k++) {
      const i = from + k;
      keys[k] = keyOf(i, random);
      times[k] = 1_000_000 + (i * 1000) / RATE;
      times[k] = Math.floor(times[k]!);
      sides[k] = sideOf === undefined ? 2 : sideOf(i, random);
      values[k] = { id: `event-${i}`, user: i % 1000, at: times[k]! };
    }
    const startNs = cpuNs();
    for (let start = 0; start < length;) {
      const end = await backend.prepare(keys, start, length);
      for (let k = start; k < end; k++) {
        backend.select(k);
        if (sides[k] === 2) operator.processElement(values[k], times[k]!, 0);
        else if (sides[k] === 0) operator.processElement1(values[k], times[k]!, 0);
        else operator.processElement2(values[k], times[k]!, 0);
      }
      backend.clearCurrentKey();
      start = end;
    }
    if (from % WATERMARK_EVERY_RECORDS === 0) {
      const watermarkMs = times[0]! - OUT_OF_ORDERNESS_MS;
      clock.watermarkMs = watermarkMs;
      backend.setWatermark(watermarkMs);
      while (!(await backend.fireEventTimeTimers(watermarkMs, 1024, onTimer as never)));
      backend.clearCurrentKey();
    }
    spentNs += cpuNs() - startNs;
  }
  console.log(`${name.padEnd(50)} ${(spentNs / N).toFixed(0).padStart(6)} ns  ${output.count} results`);
  await backend.close();
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 0x1_0000_0000;
  };
}
