import { expect, test } from 'vitest';
import { aggregates, countDistinct, max, min, sum } from '../../../operators/index.ts';

interface Event {
  readonly bid?: { readonly bidder: number; readonly price: number };
}

const isBid = ({ bid }: Event): boolean => bid !== undefined;

test('a column asks only rows for which its filter holds', () => {
  const columns = aggregates({
    bidders: countDistinct(({ bid }: Event) => bid!.bidder, { where: isBid }),
    total: sum(({ bid }: Event) => bid!.price, { where: isBid }),
  });
  let accumulator = columns.createAccumulator();
  for (const event of [{}, { bid: { bidder: 1, price: 5 } }, {}, { bid: { bidder: 2, price: 6 } }])
    accumulator = columns.add(accumulator, event);
  accumulator = columns.retract!(accumulator, {});
  expect(columns.getResult(accumulator)).toEqual({ bidders: 2, total: 11 });
});

test('NaN is larger than all other numbers, whatever comes first', () => {
  const columns = aggregates({ lowest: min((x: number) => x), highest: max((x: number) => x) });
  const resultOf = (...numbers: number[]): unknown => {
    const parts = numbers.map((x) => columns.add(columns.createAccumulator(), x));
    const merged = parts.reduce((a, b) => columns.merge(a, b), columns.createAccumulator());
    const added = numbers.reduce((a, x) => columns.add(a, x), columns.createAccumulator());
    expect(columns.getResult(merged)).toEqual(columns.getResult(added));
    return columns.getResult(added);
  };
  expect(resultOf(Number.NaN, 1, 2)).toEqual({ lowest: 1, highest: Number.NaN });
  expect(resultOf(1, Number.NaN, 2)).toEqual({ lowest: 1, highest: Number.NaN });
  expect(resultOf(Number.NaN)).toEqual({ lowest: Number.NaN, highest: Number.NaN });
});
