import { expect, test } from 'vitest';
import type { OperatorListState } from '../../../engine/task/operator-state.ts';
import type { RowKind } from '../../../engine/task/row-kind.ts';
import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import { collectSink, CollectedRows, int } from '../../../operators/index.ts';
import { startVirtualJob, type VirtualJob, type VirtualJobOptions } from '../../harness/virtual-job.ts';
import { numbers } from './count-job.ts';

/** Counts records and tells the count at its end, leaving it in its state. */
class CountAtEnd extends StreamOperator<string> {
  #stored: OperatorListState<number> | undefined;
  #count = 0;

  override open(): void {
    this.#stored = this.context.operatorState.listState({ name: 'count', schema: int() });
    this.#count = this.#stored.get().reduce((sum, count) => sum + count, 0);
  }

  override processElement(): void {
    this.#count++;
  }

  override snapshotState(): void {
    this.#stored!.update([this.#count]);
  }

  override finish(): void {
    this.output.collect(`${this.#count} records`, 0, 0);
  }
}

/** What outlives the instances of a job. */
class Results {
  readonly counts: CollectedRows<string> = new CollectedRows<string>();
  readonly rows: CollectedRows<string> = new CollectedRows<string>();

  get totalCount(): number {
    return this.counts.values().reduce((sum, row) => sum + Number.parseInt(row, 10), 0);
  }
}

interface EndingJob extends VirtualJob {
  readonly results: Results;
}

/** A short source that is counted, in two subtasks, and a long one in which a record cannot be read at first. */
function endingJob(
  options: Partial<VirtualJobOptions> & { readonly failAt?: number | undefined; readonly results?: Results },
): EndingJob {
  const { failAt, results = new Results(), ...rest } = options;
  let hasFailed = failAt === undefined;
  const job = startVirtualJob({
    checkpointInterval: 500,
    restart: { kind: 'fixed-delay', delay: 100 },
    ...rest,
    build(env) {
      numbers(env, 'short', { countPerSplit: 10, splitCount: 2 })
        .keyBy((n) => n)
        .stream.transform({ kind: 'end', options: { uid: 'end' }, isStateful: true, factory: () => new CountAtEnd() })
        .rebalance()
        .map((row) => row)
        .sinkTo(collectSink<string>({ into: results.counts }), { uid: 'counts' });
      numbers(env, 'long', {
        countPerSplit: 50,
        recordsPerSecond: 10,
        recordAt: (_split, index) => {
          if (!hasFailed && index === failAt) {
            hasFailed = true;
            throw new Error('not now');
          }
          return index;
        },
      })
        .map(String)
        .sinkTo(collectSink<string>({ into: results.rows }), { uid: 'out' });
    },
  });
  return { ...job, results };
}

const LONG = Array.from({ length: 50 }, (_, n) => String(n));

for (const parallelism of [1, 2]) {
  test(`what has finished before a checkpoint does not end again after a failure (parallelism ${parallelism})`, async () => {
    const job = endingJob({ parallelism, failAt: 30 });
    const result = await job.environment.run(job.execution.result);
    expect(result.state).toBe('finished');
    expect(job.execution.status.restartCount).toBe(1);
    expect(job.results.counts.values()).toHaveLength(parallelism);
    expect(job.results.totalCount).toBe(20);
    expect(job.results.rows.values().sort()).toEqual(LONG.toSorted());
  });
}

test('nor when the job is stopped and goes on in more or fewer subtasks, again and again', async () => {
  const results = new Results();
  const first = endingJob({ results, parallelism: 2 });
  await first.environment.advance(1_200);
  await first.environment.run(first.execution.stop());
  const second = endingJob({
    results,
    parallelism: 3,
    files: first.files,
    seed: 2,
    startMs: first.environment.clock.nowMs(),
  });
  await second.environment.advance(1_200);
  await second.environment.run(second.execution.stop());
  const third = endingJob({
    results,
    parallelism: 1,
    files: first.files,
    seed: 3,
    startMs: second.environment.clock.nowMs(),
  });
  await third.environment.run(third.execution.result);
  expect(results.counts.values()).toHaveLength(2);
  expect(results.totalCount).toBe(20);
  expect(results.rows.values().sort()).toEqual(LONG.toSorted());
});

/** A source of two splits, a short one and a long one in which a record cannot be read at first, counted in its chain. */
function countedInChain(options: Partial<VirtualJobOptions> & { readonly results: Results; readonly failAt?: number }) {
  const { results, failAt, ...rest } = options;
  let hasFailed = failAt === undefined;
  return startVirtualJob({
    checkpointInterval: 500,
    restart: { kind: 'fixed-delay', delay: 100 },
    ...rest,
    build(env) {
      numbers(env, 'numbers', {
        splitCount: 2,
        countPerSplit: (split) => [10, 50][split]!,
        recordsPerSecond: 20,
        recordAt: (split, index) => {
          if (!hasFailed && split === 1 && index === failAt) {
            hasFailed = true;
            throw new Error('not now');
          }
          return split * 10_000 + index;
        },
      })
        .transform({ kind: 'end', options: { uid: 'end' }, isStateful: true, factory: () => new CountAtEnd() })
        .sinkTo(collectSink<string>({ into: results.counts }), { uid: 'counts' });
    },
  });
}

test('a subtask of a source that has finished before the others does not end again with what it had', async () => {
  const results = new Results();
  const job = countedInChain({ results, parallelism: 2, failAt: 30 });
  expect(await job.environment.run(job.execution.result)).toMatchObject({ state: 'finished' });
  expect(job.execution.status.restartCount).toBe(1);
  expect(results.totalCount).toBe(60);
});

for (const parallelism of [1, 3]) {
  test(`nor is that given to others when the job goes on in ${parallelism} subtasks`, async () => {
    const results = new Results();
    const first = countedInChain({ results, parallelism: 2 });
    await first.environment.advance(2_000);
    await first.environment.run(first.execution.stop());
    const startMs = first.environment.clock.nowMs();
    const second = countedInChain({ results, parallelism, files: first.files, seed: 2, startMs });
    expect(await second.environment.run(second.execution.result)).toMatchObject({ state: 'finished' });
    expect(results.totalCount).toBe(60);
  });
}

/** Ends only some time after it was told to. */
class SlowToEnd extends StreamOperator<string> {
  readonly #delayMs: number;

  constructor(delayMs: number) {
    super();
    this.#delayMs = delayMs;
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    this.output.collect(value as string, timestampMs, kind);
  }

  override async finish(): Promise<void> {
    await this.context.environment.scheduler.delay(this.#delayMs);
  }
}

test('a checkpoint that comes while the chain of a source is ending is taken at its end', async () => {
  const results = new Results();
  let hasFailed = false;
  const job = startVirtualJob({
    checkpointInterval: 500,
    parallelism: 1,
    restart: { kind: 'fixed-delay', delay: 100 },
    build(env) {
      numbers(env, 'short', { countPerSplit: 10 })
        .transform({ kind: 'end', options: { uid: 'end' }, isStateful: true, factory: () => new CountAtEnd() })
        .transform({ kind: 'slow', options: {}, isStateful: false, factory: () => new SlowToEnd(1_200) })
        .sinkTo(collectSink<string>({ into: results.counts }), { uid: 'counts' });
      numbers(env, 'long', {
        countPerSplit: 50,
        recordsPerSecond: 10,
        recordAt: (_split, index) => {
          if (!hasFailed && index === 9) {
            hasFailed = true;
            throw new Error('not now');
          }
          return index;
        },
      })
        .map(String)
        .sinkTo(collectSink<string>({ into: results.rows }), { uid: 'out' });
    },
  });
  expect(await job.environment.run(job.execution.result)).toMatchObject({ state: 'finished' });
  expect(job.execution.status.restartCount).toBe(1);
  expect(results.counts.values()).toEqual(['10 records']);
  expect(results.rows.values().sort()).toEqual(LONG.toSorted());
});

test('a chain that fails while it is ending does not go on ending', async () => {
  const ended: string[] = [];
  class FailsAtEnd extends SlowToEnd {
    override async finish(): Promise<void> {
      const { environment, timers } = this.context;
      const { promise, resolve } = Promise.withResolvers<void>();
      timers.schedule(environment.clock.nowMs() + 10, () => {
        resolve();
        throw new Error('too late');
      });
      await promise;
    }
  }
  class NotesEnd extends SlowToEnd {
    override async finish(): Promise<void> {
      ended.push('ended');
    }
  }
  const job = startVirtualJob({
    restart: { kind: 'none' },
    build(env) {
      numbers(env, 'short', { countPerSplit: 10 })
        .map(String)
        .transform({ kind: 'fails', options: {}, isStateful: false, factory: () => new FailsAtEnd(0) })
        .transform({ kind: 'notes', options: {}, isStateful: false, factory: () => new NotesEnd(0) })
        .sinkTo(collectSink<string>(), { uid: 'out' });
    },
  });
  await expect(job.environment.run(job.execution.result)).rejects.toThrow("'short -> map -> fails -> notes");
  expect(ended).toEqual([]);
});
