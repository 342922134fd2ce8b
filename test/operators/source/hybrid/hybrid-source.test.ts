import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json, Source } from '../../../../engine/task/source.ts';
import {
  collectionSource,
  collectSink,
  CollectedRows,
  defineProcess,
  generatorSource,
  type GeneratorSourceOptions,
  hybridSource,
  WatermarkStrategy,
} from '../../../../operators/index.ts';
import { startVirtualJob, type VirtualJob, type VirtualJobOptions } from '../../../harness/virtual-job.ts';

const TIMES = WatermarkStrategy.forMonotonousTimestamps<number>().withTimestamp((at) => at);

type Sources = Parameters<typeof hybridSource<number>>[0];

interface HybridJob extends VirtualJob {
  /** Records that came behind the watermark. */
  readonly late: number[];
  readonly rows: CollectedRows<number>;
}

/** Takes the records of a hybrid source when the watermark has passed them. */
function hybridJob(
  sources: () => Sources,
  options: Partial<VirtualJobOptions> & {
    readonly rows?: CollectedRows<number>;
    readonly isAligned?: boolean;
  } = {},
): HybridJob {
  const { rows = new CollectedRows<number>(), isAligned = false, ...runtime } = options;
  const strategy = isAligned ? TIMES.withWatermarkAlignment('all', 5) : TIMES;
  const late: number[] = [];
  const job = startVirtualJob({
    batchRecords: 4,
    ...runtime,
    build(env) {
      env
        .fromSource(hybridSource<number>(sources()), 'hybrid', strategy)
        .keyBy((at) => at % 5)
        .process(
          defineProcess({
            uid: 'passed',
            processElement(at: number, { timers, currentWatermark }, out: { collect(at: number): void }) {
              if (at <= currentWatermark) late.push(at);
              else timers.registerEventTimeTimer(at);
              if (at <= currentWatermark) out.collect(at);
            },
            onTimer: (at, _context, out) => out.collect(at),
          }),
        )
        .sinkTo(collectSink<number>({ into: rows, visibility: 'immediately' }), { uid: 'out' });
    },
  });
  return { ...job, late, rows };
}

/** Times from `startMs` on; split i has every `splitCount`th one. */
function times(startMs: number, count: number, options: Partial<GeneratorSourceOptions<number>> = {}) {
  const { splitCount = 1 } = options;
  return generatorSource<number>({
    splitCount,
    countPerSplit: (split) => Math.max(0, Math.ceil((count - split) / splitCount)),
    recordAt: (split, index) => startMs + index * splitCount + split,
    ...options,
  });
}

const range = (start: number, end: number): number[] => Array.from({ length: end - start }, (_, i) => start + i);
const sorted = (rows: CollectedRows<number>): number[] => rows.values().toSorted((a, b) => a - b);

test('sources are read one after another, nothing late, however splits and subtasks fit', async () => {
  const stage = fc.record({
    splitCount: fc.integer({ min: 1, max: 4 }),
    count: fc.integer({ min: 0, max: 40 }),
    recordsPerSecond: fc.constantFrom(undefined, 50),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(stage, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 1e6 }),
      fc.boolean(),
      async (stages, parallelism, seed, isAligned) => {
        const job = hybridJob(
          () => {
            let startMs = 0;
            return stages.map(({ count, splitCount, recordsPerSecond }) => {
              const source = times(startMs, count, { splitCount, recordsPerSecond });
              startMs += count;
              return source;
            }) as unknown as Sources;
          },
          { parallelism, seed, isAligned },
        );
        await job.environment.run(job.execution.result);
        const total = stages.reduce((sum, { count }) => sum + count, 0);
        expect(sorted(job.rows)).toEqual(range(0, total));
        expect(job.late).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});

test('after the switch to an endless source nobody holds the watermark back who has nothing to read', async () => {
  // Four subtasks; the first source has splits of uneven length for three, the second one a split for one.
  const job = hybridJob(
    () => [
      times(0, 0, { splitCount: 3, countPerSplit: (split) => 10 * split, recordAt: (_split, index) => index }),
      times(100, 0, { countPerSplit: 'unbounded', recordsPerSecond: 100 }),
    ],
    { parallelism: 4 },
  );
  await job.environment.advance(5_000);
  expect(Math.max(...job.rows.values())).toBeGreaterThan(100 + 450);
  expect(job.late).toEqual([]);
});

test('the next source starts where the one before has ended, also after restarts at other parallelisms', async () => {
  const ends: Json[] = [];
  const rows = new CollectedRows<number>();
  let failures = 2;
  const sources = (): Sources => [
    times(0, 60, { splitCount: 3, recordsPerSecond: 60 }),
    (previousEnd: Json): Source<number> => {
      ends.push(previousEnd);
      const startMs = 60 + (previousEnd as { readonly pending: readonly Json[] }).pending.length * 1_000;
      return times(startMs, 60, {
        splitCount: 2,
        recordsPerSecond: 60,
        recordAt(split, index) {
          const at = startMs + index * 2 + split;
          if (at === 80 && failures-- > 0) throw new Error('not now');
          return at;
        },
      });
    },
  ];
  const options = { rows, checkpointInterval: 100, restart: { kind: 'fixed-delay', delay: 50, attempts: 5 } } as const;
  const first = hybridJob(sources, { ...options, parallelism: 2 });
  await first.environment.advance(600);
  await first.environment.run(first.execution.stop());
  const second = hybridJob(sources, { ...options, ...startOf(first, 2), parallelism: 3 });
  await second.environment.advance(900);
  await second.environment.run(second.execution.stop());
  const third = hybridJob(sources, { ...options, ...startOf(second, 3), parallelism: 1 });
  await third.environment.run(third.execution.result);
  expect(failures).toBeLessThan(1);
  expect([...new Set(sorted(rows))]).toEqual(range(0, 120));
  expect(new Set(ends.map((end) => JSON.stringify(end)))).toEqual(new Set(['{"pending":[]}']));
});

function startOf(job: VirtualJob, seed: number): object {
  return { files: job.files, seed, startMs: job.environment.clock.nowMs() };
}

test('refused: no source, and one without end that is not the last', () => {
  const endless = times(0, 0, { countPerSplit: 'unbounded' });
  expect(() => hybridSource([] as unknown as Sources)).toThrow(/needs a source, found none/);
  expect(() => hybridSource([endless, collectionSource([1])])).toThrow(
    /source 1 of the hybrid of 2 sources, generator, has no end/,
  );
  expect(hybridSource([collectionSource([1]), endless]).boundedness).toBe('unbounded');
});
