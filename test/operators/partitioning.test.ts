import { expect, test } from 'vitest';
import {
  type Collector,
  type DataStream,
  defineJob,
  type FunctionContext,
  ProcessFunction,
  type ProcessContext,
  WatermarkStrategy,
} from '../../operators/index.ts';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import { testJob } from '../harness/test-job.ts';

/** Says in which subtask it met a record. */
class Placed extends ProcessFunction<number, readonly [value: number, subtask: number]> {
  #subtask = -1;

  override open({ subtaskIndex }: FunctionContext): void {
    this.#subtask = subtaskIndex;
  }

  processElement(value: number, _context: ProcessContext, out: Collector<readonly [number, number]>): void {
    out.collect([value, this.#subtask]);
  }
}

const NUMBERS = Array.from({ length: 600 }, (_, i) => i);

/** Subtasks that got each of the numbers, which start in one of two subtasks, the even and the odd ones. */
async function place(
  partition: (numbers: DataStream<number>) => DataStream<number>,
  parallelism: number,
): Promise<readonly (readonly [number, number])[]> {
  const job = defineJob({
    name: 'placed',
    params: {},
    build(env) {
      const numbers = env.fromSource(collectionSource<number>([]), 'numbers', WatermarkStrategy.noWatermarks());
      partition(numbers)
        .process(() => new Placed(), { parallelism })
        .sinkTo(collectSink({}), { uid: 'out' });
    },
  });
  const driver = await testJob(job, { parallelism: 2 });
  driver.source<number>('numbers').push(...NUMBERS);
  return driver.sink<readonly [number, number]>('out').take();
}

test('rescale: each subtask deals to its own share of the next ones', async () => {
  const placed = await place((numbers) => numbers.rescale(), 6);
  expect(placed).toHaveLength(600);
  for (const [value, subtask] of placed) expect([0, 1, 2].map((i) => i + (value % 2) * 3)).toContain(subtask);
  for (let i = 0; i < 6; i++) expect(placed.filter(([, subtask]) => subtask === i)).toHaveLength(100);
});

test('shuffle: anywhere, evenly enough, and again the same from the same seed', async () => {
  const placed = await place((numbers) => numbers.shuffle(), 3);
  expect(placed).toHaveLength(600);
  for (let i = 0; i < 3; i++) {
    const count = placed.filter(([, subtask]) => subtask === i).length;
    expect(count).toBeGreaterThan(140);
    expect(count).toBeLessThan(260);
  }
  expect(await place((numbers) => numbers.shuffle(), 3)).toEqual(placed);
});

test('a partitioner of the job decides', async () => {
  const placed = await place(
    (numbers) =>
      numbers.partitionCustom(
        (key: string, subtaskCount) => Number(key) % subtaskCount,
        (value) => String(value * 7),
      ),
    4,
  );
  expect(placed).toHaveLength(600);
  for (const [value, subtask] of placed) expect(subtask).toBe((value * 7) % 4);
});

test.each([
  [4, 4],
  [4, -1],
  [4, 0.5],
  [4, Number.NaN],
  [1, 1],
])('a partitioner that names none of %i subtasks is refused: %d', async (parallelism, index) => {
  const placed = place((numbers) => numbers.partitionCustom(() => index, String), parallelism);
  await expect(placed).rejects.toMatchObject({
    cause: {
      code: 'USER_FUNCTION',
      message: expect.stringContaining(
        `returned ${index} for the record 0, expected an integer in [0, ${parallelism})`,
      ),
    },
  });
});

test('forward keeps the subtask, and refuses another parallelism', async () => {
  const placed = await place((numbers) => numbers.forward(), 2);
  expect(placed).toHaveLength(600);
  for (const [value, subtask] of placed) expect(subtask).toBe(value % 2);
  await expect(place((numbers) => numbers.forward(), 3)).rejects.toThrow('needs the same parallelism');
});

test('streams of different partitionings make one union', async () => {
  const placed = await place((numbers) => numbers.forward().union(numbers.global(), numbers.broadcast()), 2);
  for (const value of NUMBERS) {
    const subtasks = placed.filter(([of]) => of === value).map(([, subtask]) => subtask);
    const ascending = (a: number, b: number): number => a - b;
    expect(subtasks.toSorted(ascending)).toEqual([value % 2, 0, 0, 1].toSorted(ascending));
  }
});
