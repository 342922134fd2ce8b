import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RuntimeOptions } from '../../engine/runtime/runtime-options.ts';
import { SeededRandom } from '../../engine/base/random.ts';
import {
  collectSink,
  CollectedRows,
  type DataStream,
  generatorSource,
  type Infer,
  long,
  record,
  type StreamExecutionEnvironment,
  string,
  WatermarkStrategy,
} from '../../operators/index.ts';
import { slowSink } from '../engine/runtime/slow-sink.ts';
import { startVirtualJob } from '../harness/virtual-job.ts';

const Row = record('Row', { key: string(), at: long(), id: string() });
type Row = Infer<typeof Row>;
const SCHEMAS = { leftSchema: Row, rightSchema: Row };

interface SourceModel {
  readonly splitCount: number;
  readonly count: number;
  /** Event time between two records of a split. */
  readonly stepMs: number;
  /** Event time at which it starts. */
  readonly startMs: number;
  readonly jitterMs: number;
  /** Undefined: as fast as it goes. */
  readonly recordsPerSecond: number | undefined;
  readonly parallelism: number;
  readonly idleness: boolean;
}

interface Model {
  readonly sources: readonly SourceModel[];
  readonly alignment: 'default' | 'explicit' | 'off';
  readonly driftMs: number;
  readonly joinMs: number;
  readonly batchRecords: number;
  /** Fail after so many reads, each once. */
  readonly failAfter: readonly number[];
  readonly isSinkSlow: boolean;
  readonly parallelism: number;
  readonly seed: number;
}

const source: fc.Arbitrary<SourceModel> = fc.record({
  splitCount: fc.integer({ min: 1, max: 3 }),
  count: fc.integer({ min: 0, max: 120 }),
  stepMs: fc.constantFrom(0, 1, 10, 100, 1_000),
  startMs: fc.constantFrom(0, 0, 500, 30_000),
  jitterMs: fc.constantFrom(0, 0, 50),
  // Records come closer than the idleness of 1 s.
  recordsPerSecond: fc.constantFrom(undefined, undefined, 20, 500),
  parallelism: fc.integer({ min: 1, max: 3 }),
  idleness: fc.boolean(),
});

const model: fc.Arbitrary<Model> = fc.record({
  sources: fc.array(source, { minLength: 2, maxLength: 3 }),
  alignment: fc.constantFrom('default', 'explicit'),
  driftMs: fc.constantFrom(0, 10, 500, 5_000),
  joinMs: fc.constantFrom(0, 20, 300),
  batchRecords: fc.constantFrom(1, 4, 16),
  failAfter: fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 2 }),
  isSinkSlow: fc.boolean(),
  parallelism: fc.integer({ min: 1, max: 3 }),
  seed: fc.integer({ min: 1, max: 1_000_000 }),
});

function rowOf(sourceIndex: number, { stepMs, startMs, jitterMs }: SourceModel, split: number, index: number): Row {
  const random = new SeededRandom((sourceIndex * 7 + split) * 10_007 + index);
  const at = startMs + index * stepMs + (jitterMs === 0 ? 0 : random.below(jitterMs + 1));
  return { key: `k${random.below(3)}`, at, id: `${sourceIndex}.${split}.${index}` };
}

/** Rows of the chain of joins, worked out with everything in memory. */
function expectedRows({ sources, joinMs }: Model): string[] {
  const [first, ...others] = sources.map((options, i) =>
    Array.from({ length: options.splitCount }, (_, split) =>
      Array.from({ length: options.count }, (_unused, index) => rowOf(i, options, split, index)),
    ).flat(),
  );
  let joined: readonly Row[] = first!;
  for (const rows of others) {
    const right = Map.groupBy(rows, (row) => row.key);
    joined = joined.flatMap((left) =>
      (right.get(left.key) ?? []).filter((row) => Math.abs(row.at - left.at) <= joinMs).map((row) => pair(left, row)),
    );
  }
  return joined.map((row) => row.id).sort();
}

function pair(left: Row, right: Row): Row {
  return { key: left.key, at: Math.max(left.at, right.at), id: `${left.id}+${right.id}` };
}

interface Outcome {
  readonly rows: readonly string[];
  /** Most by which a record was ahead of a split that had not been read to its end, less what reading by batches allows. */
  readonly excessMs: number;
}

async function run(given: Model): Promise<Outcome> {
  const rows = new CollectedRows<string>();
  const failAfter = [...given.failAfter];
  let readCount = 0;
  let excessMs = -Infinity;
  let hasFailed = false;
  /** Furthest record read of each split that goes on. */
  let positions = new Map<string, number>();
  let readCounts = new Map<string, number>();
  const build = (env: StreamExecutionEnvironment): void => {
    positions = new Map();
    readCounts = new Map();
    const streams = given.sources.map((options, i): DataStream<Row> => {
      const name = `source-${i}`;
      const splitId = (split: number): string => `${i}.${split}`;
      for (let split = 0; split < options.splitCount; split++)
        if (options.count > 0) positions.set(splitId(split), -Infinity);
      const spanMs = options.stepMs * given.batchRecords + options.jitterMs;
      const read = (split: number, index: number): Row => {
        const row = rowOf(i, options, split, index);
        if (++readCount === failAfter[0]) {
          failAfter.shift();
          hasFailed = true;
          readCount = 0;
          throw new Error('this record cannot be read');
        }
        const own = Math.max(positions.get(splitId(split)) ?? row.at, row.at);
        positions.set(splitId(split), own);
        const lowestMs = Math.min(...positions.values());
        const ownCount = (readCounts.get(splitId(split)) ?? 0) + 1;
        readCounts.set(splitId(split), ownCount);
        // Where a split stands is known when its first batch was read.
        if (lowestMs !== -Infinity && ownCount > given.batchRecords) {
          // Two batches of its own, and the jitter of those it is compared with.
          excessMs = Math.max(excessMs, own - lowestMs - given.driftMs - 2 * spanMs - 150);
        }
        if (lowestMs === -Infinity && ownCount > 2 * given.batchRecords && !hasFailed) excessMs = Infinity;
        if (index === options.count - 1) positions.delete(splitId(split));
        return row;
      };
      let strategy = WatermarkStrategy.forBoundedOutOfOrderness<Row>(options.jitterMs).withTimestamp((row) => row.at);
      if (options.idleness) strategy = strategy.withIdleness('1s');
      if (given.alignment === 'explicit') strategy = strategy.withWatermarkAlignment('all', given.driftMs, '100ms');
      return env.fromSource(
        generatorSource({
          name,
          splitCount: options.splitCount,
          countPerSplit: options.count,
          recordAt: read,
          recordsPerSecond:
            options.recordsPerSecond === undefined ? undefined : options.recordsPerSecond * options.splitCount,
        }),
        name,
        strategy,
        { parallelism: options.parallelism },
      );
    });
    const [first, ...others] = streams;
    let joined = first!;
    for (const [i, other] of others.entries()) {
      joined = joined
        .keyBy((row) => row.key)
        .intervalJoin(other.keyBy((row) => row.key))
        .between(-given.joinMs, given.joinMs)
        .map(pair, { uid: `join-${i}`, ...SCHEMAS });
    }
    const ids = joined.map((row) => row.id);
    ids.sinkTo(given.isSinkSlow ? slowSink(30, { into: rows }) : collectSink({ into: rows }), { uid: 'out' });
  };
  const options: Partial<RuntimeOptions> = {
    parallelism: given.parallelism,
    batchRecords: given.batchRecords,
    checkpointInterval: 300,
    watermarkAlignment: given.alignment === 'off' ? false : given.driftMs,
    restart: { kind: 'fixed-delay', attempts: 10, delay: 100 },
  };
  const job = startVirtualJob({ build, seed: given.seed, ...options });
  const result = await job.environment.run(job.execution.result);
  expect(result.state).toBe('finished');
  return { rows: rows.values().sort(), excessMs };
}

test('joins of aligned sources end, with the rows of unaligned ones, and nobody reads further ahead than the drift', async () => {
  await fc.assert(
    fc.asyncProperty(model, async (given) => {
      const { rows, excessMs } = await run(given);
      expect(rows).toEqual(expectedRows(given));
      expect(excessMs).toBeLessThanOrEqual(0);
    }),
    { numRuns: 60 },
  );
}, 120_000);

test('without alignment a fast source reads as far ahead as it likes', async () => {
  const slowSource = {
    splitCount: 1,
    count: 30,
    stepMs: 100,
    startMs: 0,
    jitterMs: 0,
    parallelism: 1,
    idleness: false,
  };
  const given: Model = {
    sources: [
      { ...slowSource, recordsPerSecond: 20 },
      { ...slowSource, recordsPerSecond: undefined },
    ],
    alignment: 'off',
    driftMs: 100,
    joinMs: 100,
    batchRecords: 1,
    failAfter: [],
    isSinkSlow: false,
    parallelism: 1,
    seed: 1,
  };
  expect((await run(given)).excessMs).toBeGreaterThan(2_000);
  expect((await run({ ...given, alignment: 'default' })).excessMs).toBeLessThanOrEqual(0);
});
