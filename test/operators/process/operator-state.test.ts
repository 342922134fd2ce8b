import { expect, test } from 'vitest';
import type { Collector } from '../../../operators/process/collector.ts';
import {
  defineJob,
  type FunctionContext,
  type JobDefinition,
  long,
  type OperatorListState,
  type ProcessContext,
  ProcessFunction,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { generatorSource } from '../../../operators/source/collection/generator-source.ts';
import { testJob } from '../../harness/test-job.ts';

/** Holds numbers back until there are four of its subtask; what is held survives in operator state. */
class Batches extends ProcessFunction<number, string> {
  #held: number[] = [];
  #saved: OperatorListState<number> = undefined as never;
  #seen: OperatorListState<number> = undefined as never;
  #subtaskIndex = 0;

  override open(context: FunctionContext): void {
    this.#subtaskIndex = context.subtaskIndex;
    this.#saved = context.operatorListState('held', long());
    this.#seen = context.operatorUnionListState('seen', long());
    this.#held = [...this.#saved.get()];
  }

  processElement(value: number, _context: ProcessContext, out: Collector<string>): void {
    this.#held.push(value);
    this.#seen.add(value);
    if (value < 0)
      out.collect(
        `seen ${this.#seen
          .get()
          .toSorted((a, b) => a - b)
          .join()}`,
      );
    if (this.#held.length < 4) return;
    out.collect(`${this.#subtaskIndex}: ${this.#held.join()}`);
    this.#held = [];
  }

  override snapshotState(): void {
    this.#saved.update(this.#held);
  }
}

function job(uid: string | undefined): JobDefinition<Record<never, never>> {
  return defineJob({
    name: 'batches',
    params: {},
    build(env) {
      env
        .fromSource(
          generatorSource<number>({ name: 'none', countPerSplit: 0, recordAt: () => 0 }),
          'numbers',
          WatermarkStrategy.noWatermarks<number>(),
        )
        .process(() => new Batches(), { uid })
        .sinkTo(collectSink(), { uid: 'out' });
    },
  });
}

test('a function keeps operator state: put there at a snapshot, dealt out anew at another parallelism', async () => {
  const driver = await testJob(job('batches'), { parallelism: 2 });
  for (const value of [1, 2, 3, 4, 5]) driver.source('numbers').push(value);
  expect(driver.sink('out').take()).toEqual([]);
  await driver.snapshot();
  // Lost: it comes again only if the source sends it again.
  driver.source('numbers').push(99);
  await driver.restore();
  driver.source('numbers').push(6);
  expect(driver.sink('out').take()).toEqual(['0: 1,3,5,6']);
  driver.source('numbers').push(7);
  await driver.snapshot();
  await driver.restore({ parallelism: 3 });
  for (const value of [11, 12, 13]) driver.source('numbers').push(value);
  expect(driver.sink('out').take()).toEqual([]);
  await driver.snapshot();
  await driver.restore({ parallelism: 1 });
  driver.source('numbers').push(14);
  expect(driver.sink('out').take()).toHaveLength(1);
  // A union has everything that any subtask has ever added.
  driver.source('numbers').push(-1);
  const [seen] = driver.sink<string>('out').take();
  for (const value of [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14]) expect(seen).toMatch(new RegExp(`\\b${value}\\b`));
  expect(seen).not.toMatch(/\b99\b/);
});

test('operator state without a uid is refused with what to add', async () => {
  await expect(testJob(job(undefined))).rejects.toMatchObject({
    cause: { message: "the operator state 'held' belongs to an operator without a uid" },
  });
});
