import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Environment } from '../../../engine/base/environment.ts';
import { createJobGraph } from '../../../engine/graph/job-graph.ts';
import type { Sink, SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import {
  type AsyncFunction,
  AsyncRetryStrategies,
  type AsyncWaitOptions,
  collectionSource,
  CollectedRows,
  collectSink,
  type DataStream,
  defineJob,
  int,
  StreamExecutionEnvironment,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { numbers } from '../../engine/runtime/count-job.ts';
import { testJob } from '../../harness/index.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';

/** Answers with the double after 1 ms and up to `spreadMs` more, and fails now and then for numbers below a limit. */
class SlowDouble implements AsyncFunction<number, number> {
  readonly #failsBelow: number;
  readonly #spreadMs: number;
  #environment: Environment = undefined as never;

  constructor(failsBelow = 0, spreadMs = 20) {
    this.#failsBelow = failsBelow;
    this.#spreadMs = spreadMs;
  }

  open({ environment }: { readonly environment: Environment }): void {
    this.#environment = environment;
  }

  async asyncInvoke(n: number): Promise<number[]> {
    const { random, scheduler } = this.#environment;
    await scheduler.delay(1 + random.next() * this.#spreadMs);
    if (n < this.#failsBelow && random.next() < 0.1) throw new Error('try again');
    return [n * 2];
  }
}

const retry = AsyncRetryStrategies.fixedDelay<number>({ maxAttempts: 50, delay: 5, ifError: () => true });
const options: AsyncWaitOptions<number, number> = { uid: 'double', schema: int(), retry };

function wait(stream: DataStream<number>, isOrdered: boolean, fn: AsyncFunction<number, number>): DataStream<number> {
  return isOrdered ? stream.orderedWait(fn, options) : stream.unorderedWait(fn, options);
}

const COUNT = 600;
const doubles = Array.from({ length: COUNT }, (_, n) => n * 2);

test('a whole job: every result once, in order where that was asked for, through back-pressure and a failure', async () => {
  for (const isOrdered of [true, false]) {
    const rows = new CollectedRows<number>();
    let failures = 1;
    const job = startVirtualJob({
      checkpointInterval: 30,
      parallelism: 1,
      batchRecords: 8,
      restart: { kind: 'fixed-delay', attempts: 3, delay: 10 },
      build(env) {
        wait(
          numbers(env, 'numbers', { countPerSplit: COUNT, recordsPerSecond: 2_000 }),
          isOrdered,
          new SlowDouble(COUNT / 2),
        )
          // A task of its own, slower than the one before: its channel fills up.
          .rebalance()
          .map((n) => {
            if (n === 500 && failures-- > 0) throw new Error('broken');
            return n;
          })
          .sinkTo(collectSink({ into: rows }), { uid: 'out' });
      },
    });
    await job.environment.run(job.execution.result);
    expect(job.execution.status).toMatchObject({ state: 'finished', restartCount: 1 });
    const values = rows.values();
    if (isOrdered) expect(values).toEqual(doubles);
    else {
      expect(values.toSorted((a, b) => a - b)).toEqual(doubles);
      expect(values).not.toEqual(doubles);
    }
  }
});

/** Takes three rows at a time, then says that it is full for a while. Notes rows that come all the same. */
class FullSink implements Sink<number> {
  readonly description = 'a sink that is often full';
  readonly rows: number[] = [];
  unwantedCount = 0;

  async createWriter({ environment }: SinkContext): Promise<SinkWriter<number>> {
    let free: Promise<void> | undefined;
    let roomCount = 3;
    return {
      write: (row) => {
        this.rows.push(row);
        if (free !== undefined) this.unwantedCount++;
        if (--roomCount > 0 || free !== undefined) return;
        free = environment.scheduler.delay(7).then(() => {
          roomCount = 3;
          free = undefined;
        });
      },
      blockedUntil: () => free,
      prepareCommit: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    };
  }
}

test('results wait while a sink behind the operator is full, also when the input has ended', async () => {
  for (const isOrdered of [true, false]) {
    const sink = new FullSink();
    const job = startVirtualJob({
      build: (env) =>
        wait(
          numbers(env, 'numbers', { countPerSplit: 60, recordsPerSecond: 500 }),
          isOrdered,
          new SlowDouble(0, 0),
        ).sinkTo(sink, { uid: 'out' }),
    });
    await job.environment.run(job.execution.result);
    expect(sink.rows.toSorted((a, b) => a - b)).toEqual(doubles.slice(0, 60));
    // Those that have waited go out together: one more than the sink wants, now and then.
    expect(sink.unwantedCount).toBeLessThan(10);
    expect(job.environment.clock.monotonicMs()).toBeGreaterThan(100);
  }
});

const asyncJob = defineJob({
  name: 'doubles',
  params: { limit: z.number().default(0) },
  build(env, { limit }) {
    const source = env.fromSource(collectionSource<number>([]), 'numbers', WatermarkStrategy.noWatermarks<number>());
    wait(source, true, new SlowDouble(limit)).sinkTo(collectSink(), { uid: 'out' });
  },
});

test('under testJob: records under way are part of a snapshot, at any parallelism', async () => {
  for (const parallelism of [1, 2, 3]) {
    const driver = await testJob(asyncJob, { parallelism: 2, params: { limit: 1000 } });
    driver.source('numbers').push(...Array.from({ length: 20 }, (_, n) => n));
    expect(driver.sink('out').take()).toEqual([]);
    await driver.snapshot();
    await driver.restore({ parallelism });
    driver.source('numbers').push(20);
    await driver.advanceProcessingTime('10s');
    const values = driver.sink<number>('out').take();
    expect(values.toSorted((a, b) => a - b)).toEqual(doubles.slice(0, 21));
    if (parallelism === 1) expect(values.at(-1)).toBe(40);
  }
});

test('under testJob: the end of the sources waits for what is under way', async () => {
  const driver = await testJob(asyncJob, { parallelism: 1 });
  driver.source('numbers').push(1, 2, 3);
  await driver.finish();
  expect(driver.sink('out').take()).toEqual([2, 4, 6]);
});

test('a time-out fails the job, and the failure says what to do', async () => {
  const job = startVirtualJob({
    restart: { kind: 'none' },
    build(env) {
      numbers(env, 'numbers')
        .orderedWait(() => new Promise<number[]>(() => {}), { uid: 'stuck', schema: int(), timeout: '5s' })
        .sinkTo(collectSink(), { uid: 'out' });
    },
  });
  await expect(job.environment.run(job.execution.result)).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: "task 'stuck -> out', subtask 0 failed",
    cause: { message: "async function 'stuck': no result within 5000 ms for the record 0" },
  });
  expect(job.environment.clock.monotonicMs()).toBeGreaterThanOrEqual(5_000);
});

test('an async operator starts a chain, so that its task can hold records back', () => {
  const env = new StreamExecutionEnvironment();
  const stream = numbers(env, 'numbers').map((n) => n + 1);
  stream
    .orderedWait((n) => [n], options)
    .map(String)
    .sinkTo(collectSink(), { uid: 'out' });
  const { vertices } = createJobGraph(env.streamGraph());
  expect(vertices.map(({ name }) => name)).toEqual(['numbers -> map', 'double -> map -> out']);
});

test('an async operator without schema, or with a wrong number, is refused in words of its author', () => {
  const stream = numbers(new StreamExecutionEnvironment(), 'numbers');
  const declare = (wrong: Partial<typeof options> & { readonly timeout?: number }): unknown =>
    stream.orderedWait((n) => [n], { ...options, ...wrong });
  expect(() => declare({ schema: undefined as never })).toThrow(
    "ordered-wait 'double': expected the schema of its input",
  );
  expect(() => declare({ capacity: 0 })).toThrow(
    "ordered-wait 'double': expected capacity to be a positive integer, found 0",
  );
  expect(() => declare({ timeout: 0 })).toThrow("ordered-wait 'double': expected timeout to be positive, found 0 ms");
  expect(() => declare({ uid: undefined as never })).toThrow('keeps state but has no uid');
});
