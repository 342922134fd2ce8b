import { expect, test } from 'vitest';
import { count, countDistinct } from '../../../operators/aggregate/aggregate-columns.ts';
import { MiniBatchAggregateOperator } from '../../../operators/aggregate/mini-batch-aggregate-operator.ts';
import { keyOfPartial } from '../../../operators/aggregate/partial-group.ts';
import { splitAggregate } from '../../../operators/aggregate/split-distinct.ts';
import { TEST_BACKENDS } from '../../harness/operators/backends.ts';
import { RescaledHarness } from '../../property/rescaled-harness.ts';

const columns = { rows: count<string>(), values: countDistinct((value: string) => value) };

for (const backend of TEST_BACKENDS) {
  test(`values may come before the rows that they are of, and go after them (${backend.name})`, async () => {
    const { compiled, global } = splitAggregate(columns as never, true);
    const partial = (rows: number, values: number) => ({
      key: 'a',
      rows,
      accumulator: { ...compiled.create(), rows, values },
    });
    const harness = await new RescaledHarness<ReturnType<typeof partial>, unknown>(
      () =>
        new MiniBatchAggregateOperator({
          aggregate: global as never,
          createRow: undefined,
          isUpsert: false,
          ttl: undefined,
          batch: { latencyMs: 1000, sizeMax: 1 },
          takesPartials: true,
          state: { name: 'split-accumulator', isEmpty: (accumulator: never) => compiled.hasNoValues(accumulator) },
        }),
      keyOfPartial,
      backend,
    ).open();
    const changesAfter = async (rows: number, values: number): Promise<unknown[]> => {
      harness.processElement(partial(rows, values));
      const changes = harness.takeRecords().map(({ kind, value }) => [kind, value]);
      await harness.restore(1);
      return changes;
    };
    expect(await changesAfter(0, 2)).toEqual([]);
    expect(await changesAfter(3, 0)).toEqual([['+I', { rows: 3, values: 2 }]]);
    expect(await changesAfter(-3, 0)).toEqual([['-D', { rows: 3, values: 2 }]]);
    expect(harness.leftOver()[0]).toBe(1);
    expect(await changesAfter(0, -2)).toEqual([]);
    expect(harness.leftOver()[0]).toBe(0);
    await harness.close();
  });
}
