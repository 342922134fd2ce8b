import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { UserError } from '../../../../engine/base/errors.ts';
import { collectionSource } from '../../../../operators/source/collection/collection-source.ts';
import { generatorSource } from '../../../../operators/source/collection/generator-source.ts';
import { SourceRun } from '../source-run.ts';

const valuesOf = (run: { emitted: { value: unknown }[] }): unknown[] => run.emitted.map((record) => record.value);

test('a collection comes out in order, once, with its timestamps', async () => {
  const environment = new VirtualEnvironment();
  const source = collectionSource(['a', 'bb', 'ccc'], { timestampOf: (value) => value.length });
  const run = await new SourceRun({ source, environment }).start();
  await environment.run(run.run({ recordCountMax: 2 }));
  expect(run.emitted.map(({ value, timestampMs }) => [value, timestampMs])).toEqual([
    ['a', 1],
    ['bb', 2],
    ['ccc', 3],
  ]);
  expect(run.released).toEqual(['0']);
  expect(run.checkpoint()).toEqual({ enumerator: { pending: [] }, splits: [] });
});

test('without timestampOf a record has no timestamp', async () => {
  const environment = new VirtualEnvironment();
  const run = await new SourceRun({ source: collectionSource([1]), environment }).start();
  await environment.run(run.run());
  expect(run.emitted[0]!.timestampMs).toBeNaN();
});

test('an empty collection ends at once', async () => {
  const environment = new VirtualEnvironment();
  const run = await new SourceRun({ source: collectionSource([]), environment, parallelism: 2 }).start();
  await environment.run(run.run());
  expect(run.emitted).toEqual([]);
});

test('splits are read side by side', async () => {
  const environment = new VirtualEnvironment();
  const source = collectionSource({ count: 9, at: (index) => index }, { splits: 3 });
  const run = await new SourceRun({ source, environment }).start();
  run.poll(3);
  expect(valuesOf(run)).toEqual([0, 1, 2]);
  run.poll(6);
  expect(valuesOf(run).sort((a, b) => Number(a) - Number(b))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('law: with checkpoints, crashes and changes of parallelism every record is seen exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        count: fc.integer({ min: 0, max: 60 }),
        splits: fc.integer({ min: 1, max: 7 }),
        steps: fc.array(
          fc.record({
            polls: fc.integer({ min: 0, max: 4 }),
            lostPolls: fc.integer({ min: 0, max: 3 }),
            recordCountMax: fc.integer({ min: 1, max: 9 }),
            parallelism: fc.integer({ min: 1, max: 4 }),
          }),
          { maxLength: 5 },
        ),
      }),
      async ({ count, splits, steps }) => {
        const environment = new VirtualEnvironment();
        const source = collectionSource({ count, at: (index) => index }, { splits });
        const seen: unknown[] = [];
        let run = await new SourceRun({ source, environment }).start();
        for (const { polls, lostPolls, recordCountMax, parallelism } of steps) {
          for (let i = 0; i < polls; i++) run.poll(recordCountMax);
          const restore = run.checkpoint();
          seen.push(...valuesOf(run));
          for (let i = 0; i < lostPolls; i++) run.poll(recordCountMax);
          run = await new SourceRun({ source, environment, parallelism, restore }).start();
        }
        await environment.run(run.run());
        seen.push(...valuesOf(run));
        expect(seen.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: count }, (_, i) => i));
      },
    ),
  );
});

test('a paused split is not read until it is resumed', async () => {
  const environment = new VirtualEnvironment();
  const source = collectionSource([0, 1, 2, 3], { splits: 2 });
  const run = await new SourceRun({ source, environment }).start();
  run.pauseOrResume(['0'], []);
  expect(run.poll(10)).toEqual(['empty']);
  expect(valuesOf(run)).toEqual([1, 3]);
  run.pauseOrResume([], ['0']);
  await environment.run(run.run());
  expect(valuesOf(run)).toEqual([1, 3, 0, 2]);
});

test('recordsPerSecond is kept by the clock, over all splits', async () => {
  const environment = new VirtualEnvironment();
  const source = generatorSource({
    splitCount: 2,
    countPerSplit: 'unbounded',
    recordAt: (split, index) => `${split}:${index}`,
    recordsPerSecond: 20,
  });
  const run = await new SourceRun({ source, environment }).start();
  await environment.run(run.run({ untilCount: 101 }));
  // The first record of each split is due at once, then 10 per second and split.
  expect(environment.clock.monotonicMs()).toBe(5_000);
});

test('a paced reader that was held up makes up for one second at most', async () => {
  const environment = new VirtualEnvironment();
  const source = generatorSource({ countPerSplit: 'unbounded', recordAt: (_, index) => index, recordsPerSecond: 10 });
  const run = await new SourceRun({ source, environment }).start();
  await environment.advance(60_000);
  expect(run.poll(1_000)).toEqual(['empty']);
  expect(run.emitted.length).toBe(11);
  await environment.run(run.run({ untilCount: 21 }));
  expect(environment.clock.monotonicMs()).toBe(61_000);
});

test('what recordAt throws says where', async () => {
  const environment = new VirtualEnvironment();
  const source = generatorSource({
    countPerSplit: 3,
    recordAt: (_, index) => {
      if (index === 2) throw new TypeError('no such campaign');
      return index;
    },
  });
  const run = await new SourceRun({ source, environment }).start();
  expect(() => run.poll(10)).toThrow(
    'source generator, split 0, record 2: recordAt threw: TypeError: no such campaign',
  );
});

test('impossible options are refused with what was expected', () => {
  expect(() => collectionSource([1], { splits: 0 })).toThrow(UserError);
  expect(() => generatorSource({ countPerSplit: -1, recordAt: () => 0 })).toThrow(
    'expected countPerSplit to be a whole number of at least 0, found -1',
  );
  expect(() => generatorSource({ recordAt: () => 0 } as never)).toThrow(
    "expected countPerSplit to be a number, a function or 'unbounded', found undefined",
  );
  expect(() => generatorSource({ countPerSplit: 1, recordAt: () => 0, recordsPerSecond: 0 })).toThrow(
    'expected recordsPerSecond above 0, found 0',
  );
});

test('dueMs paces records by their own times, and goes on from there after a restore', async () => {
  const environment = new VirtualEnvironment();
  const dueTimes = [0, 100, 100, 1_000];
  const source = generatorSource({
    countPerSplit: dueTimes.length,
    recordAt: (_split, index) => index,
    dueMs: (_split, index) => dueTimes[index]!,
  });
  const run = await new SourceRun({ source, environment }).start();
  run.poll(10);
  expect(valuesOf(run)).toEqual([0]);
  await environment.advance(99);
  run.poll(10);
  expect(valuesOf(run)).toEqual([0]);
  await environment.advance(1);
  run.poll(10);
  expect(valuesOf(run)).toEqual([0, 1, 2]);
  const restored = await new SourceRun({ source, environment, restore: run.checkpoint() }).start();
  restored.poll(10);
  expect(valuesOf(restored)).toEqual([3]);
});
