import { expect, test } from 'vitest';
import type { OperatorListState } from '../../../engine/task/operator-state.ts';
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
