import { MetricGroup } from '../../../engine/base/metrics.ts';
import { Output } from '../../../engine/task/output.ts';
import type { StreamOperator } from '../../../engine/task/stream-operator.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { createKeyedStateBackend } from '../../../state/keyed/paged-keyed-state-backend.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { createHarnessContext, HarnessClock, OutputLog } from '../../harness/operators/harness-context.ts';
import { MemoryStorage } from '../../state/keyed/memory-storage.ts';
import type { EventValue } from './events.ts';

const IS_TEST = process.env['TIDEMARK_BENCH'] === 'test';
const N = IS_TEST ? 20_000 : Number(process.env['TIDEMARK_BENCH_EVENTS'] ?? 1_000_000);
const BATCH = 1024;
/** Records per second of event time. */
const RATE = 100_000;
const WATERMARK_EVERY_RECORDS = 20 * BATCH;
const OUT_OF_ORDERNESS_MS = 4_000;

/** An operator of the engine and a loop over plain `Map`s that does the same work, without checkpoints or bounds. */
export interface OperatorCase {
  readonly name: string;
  readonly create: () => StreamOperator<unknown>;
  readonly byHand: () => HandLoop;
  readonly keyOf: (i: number, random: () => number) => Key;
  /** Input of a record: 0 or 1. Undefined: one input. */
  readonly sideOf?: ((i: number) => 0 | 1) | undefined;
  /** Default: an event whose id is its number. */
  readonly createValue?: ((i: number, timestampMs: number) => unknown) | undefined;
  /** Says why, where the engine takes more than twice as long. */
  readonly note?: string | undefined;
}

export interface HandLoop {
  /** Results so far. */
  count: number;
  element(key: Key, value: EventValue, timestampMs: number, side: 0 | 1): void;
  watermark(watermarkMs: number): void;
}

class CountingOutput extends Output<unknown> {
  count = 0;

  collect(): void {
    this.count++;
  }
}

interface Driver {
  batch(batch: Batch): void | Promise<void>;
  watermark(watermarkMs: number): void | Promise<void>;
  resultCount(): number;
  close(): void | Promise<void>;
}

interface Batch {
  readonly keys: Key[];
  readonly values: unknown[];
  readonly times: Float64Array;
  readonly sides: Uint8Array;
  length: number;
}

/**
 * Runs the cases whose name has the word of the command line. Prints ns of CPU per record for both, and the share of the
 * loop's speed that the operator has; both must give equally many results.
 */
export async function measureOperators(cases: readonly OperatorCase[]): Promise<void> {
  const word = process.argv[2] ?? '';
  for (const it of cases.filter(({ name }) => name.includes(word))) {
    const engine = await time(it, await engineDriver(it));
    const loop = await time(it, handDriver(it.byHand()));
    if (engine.resultCount !== loop.resultCount) {
      throw new Error(`${it.name}: ${engine.resultCount} results, the loop has ${loop.resultCount}`);
    }
    const share = `${((100 * loop.nsPerRecord) / engine.nsPerRecord).toFixed(0)} %`;
    console.log(
      `${it.name.padEnd(52)} ${engine.nsPerRecord.toFixed(0).padStart(6)} ns, loop ${loop.nsPerRecord.toFixed(0).padStart(6)} ns: ${share.padStart(6)}  ${engine.resultCount} results`,
    );
    if (it.note !== undefined) console.log(`    ${it.note}`);
  }
}

async function time(
  { keyOf, sideOf, createValue }: OperatorCase,
  driver: Driver,
): Promise<{ nsPerRecord: number; resultCount: number }> {
  const random = seeded(7);
  const batch: Batch = {
    keys: new Array<Key>(BATCH).fill(''),
    values: new Array<unknown>(BATCH),
    times: new Float64Array(BATCH),
    sides: new Uint8Array(BATCH),
    length: 0,
  };
  let spentNs = 0;
  for (let from = 0; from < N; from += BATCH) {
    batch.length = Math.min(BATCH, N - from);
    for (let k = 0; k < batch.length; k++) {
      const i = from + k;
      const timestampMs = Math.floor(1_000_000 + (i * 1000) / RATE);
      batch.keys[k] = keyOf(i, random);
      batch.times[k] = timestampMs;
      batch.sides[k] = sideOf === undefined ? 2 : sideOf(i);
      batch.values[k] = createValue?.(i, timestampMs) ?? { id: `event-${i}`, user: i % 1000, at: timestampMs };
    }
    const startNs = cpuNs();
    await driver.batch(batch);
    if (from % WATERMARK_EVERY_RECORDS === 0) await driver.watermark(batch.times[0]! - OUT_OF_ORDERNESS_MS);
    spentNs += cpuNs() - startNs;
  }
  const startNs = cpuNs();
  await driver.watermark(2_000_000_000);
  spentNs += cpuNs() - startNs;
  const resultCount = driver.resultCount();
  await driver.close();
  globalThis.gc?.();
  return { nsPerRecord: spentNs / N, resultCount };
}

async function engineDriver({ create }: OperatorCase): Promise<Driver> {
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
  return {
    async batch({ keys, values, times, sides, length }) {
      for (let start = 0; start < length;) {
        const prepared = backend.prepare(keys, start, length);
        const end = typeof prepared === 'number' ? prepared : await prepared;
        for (let k = start; k < end; k++) {
          backend.select(k);
          if (sides[k] === 2) operator.processElement(values[k], times[k]!, 0);
          else if (sides[k] === 0) operator.processElement1(values[k], times[k]!, 0);
          else operator.processElement2(values[k], times[k]!, 0);
        }
        backend.clearCurrentKey();
        start = end;
      }
    },
    async watermark(watermarkMs) {
      clock.watermarkMs = watermarkMs;
      backend.setWatermark(watermarkMs);
      while (!(await backend.fireEventTimeTimers(watermarkMs, 1024, onTimer as never)));
      backend.clearCurrentKey();
      operator.processWatermark(watermarkMs);
    },
    resultCount: () => output.count,
    close: () => backend.close(),
  };
}

function handDriver(loop: HandLoop): Driver {
  return {
    batch({ keys, values, times, sides, length }) {
      for (let k = 0; k < length; k++) {
        loop.element(keys[k]!, values[k] as EventValue, times[k]!, sides[k] === 1 ? 1 : 0);
      }
    },
    watermark: (watermarkMs) => loop.watermark(watermarkMs),
    resultCount: () => loop.count,
    close: () => {},
  };
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
