import { expect, test } from 'vitest';
import { DELETE, INSERT, type RowKind, UPDATE_AFTER } from '../../../engine/task/row-kind.ts';
import { declareDeduplicate, type DeduplicateOptions } from '../../../operators/updating/deduplicate.ts';
import { declareTopN, type TopNOptions } from '../../../operators/updating/top-n.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { float64, long, string } from '../../../state/schema/scalars.ts';
import type { Infer, Schema } from '../../../state/schema/schema.ts';
import { TEST_BACKENDS } from '../../harness/operators/backends.ts';
import { keyedOneInputHarness, type OperatorHarness } from '../../harness/operators/operator-harness.ts';
import { isRecord } from '../../harness/operators/stream-elements.ts';

const Row = record('Row', { book: string(), id: long(), sales: long() });
type Row = Infer<typeof Row>;
type Result = Row & { readonly rank?: number };

const shown = ({ book, id, sales, rank }: Result): string =>
  `${book} ${id} ${sales}${rank === undefined ? '' : ` #${rank}`}`;
const take = (harness: OperatorHarness<Result>): string[] =>
  harness
    .takeOutput()
    .filter(isRecord)
    .map(({ kind, value }) => `${kind} ${shown(value)}`);

async function startTop(
  options: Partial<TopNOptions<Row>> & { readonly withRank?: boolean } = {},
): Promise<OperatorHarness<Result>> {
  const { factory } = declareTopN<Row, Result>({
    uid: 'top',
    n: 2,
    orderBy: { field: 'sales', direction: 'desc' },
    schema: Row,
    ...options,
  });
  return keyedOneInputHarness(factory, (row: Row) => row.book, { backend: TEST_BACKENDS[2]! });
}

function put(harness: OperatorHarness<Result>, id: number, sales: number, kind: RowKind = INSERT): string[] {
  harness.processElement({ book: 'a', id, sales }, 1, kind);
  return take(harness);
}

test('with rank a row that enters updates all ranks from its own on', async () => {
  const harness = await startTop({ withRank: true });
  expect(put(harness, 1, 5)).toEqual(['+I a 1 5 #1']);
  expect(put(harness, 2, 7)).toEqual(['-U a 1 5 #1', '+U a 2 7 #1', '+I a 1 5 #2']);
  expect(put(harness, 3, 6)).toEqual(['-U a 1 5 #2', '+U a 3 6 #2']);
  expect(put(harness, 4, 6)).toEqual([]);
  expect(put(harness, 5, 1)).toEqual([]);
  await harness.close();
});

test('without rank rows come and go; a top-1 is updated', async () => {
  const two = await startTop({ emit: 'upsert' });
  expect(put(two, 1, 5)).toEqual(['+I a 1 5']);
  expect(put(two, 2, 7)).toEqual(['+I a 2 7']);
  expect(put(two, 3, 6)).toEqual(['-D a 1 5', '+I a 3 6']);
  await two.close();
  const one = await startTop({ n: 1 });
  expect(put(one, 1, 5)).toEqual(['+I a 1 5']);
  expect(put(one, 2, 5)).toEqual([]);
  expect(put(one, 3, 6)).toEqual(['-U a 1 5', '+U a 3 6']);
  await one.close();
});

test('a row that is taken back makes room for the next', async () => {
  const harness = await startTop({ input: 'changelog', withRank: true });
  for (const [id, sales] of [
    [1, 5],
    [2, 7],
    [3, 6],
  ] as const)
    put(harness, id, sales);
  expect(put(harness, 2, 7, DELETE)).toEqual(['-U a 2 7 #1', '+U a 3 6 #1', '-U a 3 6 #2', '+U a 1 5 #2']);
  expect(put(harness, 9, 9, DELETE)).toEqual([]);
  expect(put(harness, 3, 6, DELETE)).toEqual(['-U a 3 6 #1', '+U a 1 5 #1', '-D a 1 5 #2']);
  expect(put(harness, 1, 5, DELETE)).toEqual(['-D a 1 5 #1']);
  expect(harness.numKeyedStateEntries()).toBe(0);
  await harness.close();
});

test('rows that replace each other move forward; those that move back are refused', async () => {
  const harness = await startTop({ input: 'upsert', rowKey: (row) => row.id, withRank: true });
  put(harness, 1, 5);
  put(harness, 2, 4);
  expect(put(harness, 2, 6, UPDATE_AFTER)).toEqual(['-U a 1 5 #1', '+U a 2 6 #1', '-U a 2 4 #2', '+U a 1 5 #2']);
  expect(put(harness, 1, 5, UPDATE_AFTER)).toEqual(['-U a 1 5 #2', '+U a 1 5 #2']);
  expect(() => put(harness, 1, 3, UPDATE_AFTER)).toThrow('an update that moves its row further behind');
  expect(() => put(harness, 1, 5, DELETE)).toThrow('a row of kind -D');
  await harness.close();
});

test('rows that are taken back are refused where only insertions are expected', async () => {
  const harness = await startTop();
  expect(() => put(harness, 1, 5, DELETE)).toThrow('takes insertions only, found a row of kind -D');
  await harness.close();
});

test('changes that are held back leave at the size, the latency, a watermark and the end, folded', async () => {
  const harness = await startTop({ withRank: true, miniBatch: { latency: '1s', size: 3 } });
  expect([...put(harness, 1, 5), ...put(harness, 2, 7)]).toEqual([]);
  expect(put(harness, 3, 6)).toEqual(['+I a 2 7 #1', '+I a 3 6 #2']);
  expect(put(harness, 4, 8)).toEqual([]);
  await harness.setProcessingTime(1_000);
  await harness.settle();
  expect(take(harness)).toEqual(['-U a 2 7 #1', '+U a 4 8 #1', '-U a 3 6 #2', '+U a 2 7 #2']);
  expect(put(harness, 5, 9)).toEqual([]);
  await harness.processWatermark(5);
  expect(take(harness)).toEqual(['-U a 4 8 #1', '+U a 5 9 #1', '-U a 2 7 #2', '+U a 4 8 #2']);
  expect(put(harness, 6, 10)).toEqual([]);
  await harness.endInput();
  expect(take(harness)).toHaveLength(4);
  await harness.close();
});

test('a row that is the same after a batch is not sent again', async () => {
  const miniBatch = { latency: '1s' } as const;
  const tops = [
    await startTop({ n: 1, input: 'changelog', miniBatch }),
    await startTop({ n: 1, input: 'changelog', withRank: true, miniBatch }),
  ];
  for (const top of tops) {
    put(top, 1, 5);
    await top.processWatermark(1);
    expect(take(top)).toHaveLength(1);
    put(top, 2, 7);
    put(top, 2, 7, DELETE);
    put(top, 1, 5, DELETE);
    put(top, 1, 5);
    await top.processWatermark(2);
    expect(take(top)).toEqual([]);
    await top.close();
  }
  for (const ttl of [undefined, { processingTime: '1h' } as const]) {
    const last = await startOne({ keep: 'last', miniBatch, ttl });
    put(last, 1, 5);
    await last.processWatermark(1);
    expect(take(last)).toEqual(['+I a 1 5']);
    put(last, 2, 7);
    put(last, 1, 5);
    await last.processWatermark(2);
    expect(take(last)).toEqual(ttl === undefined ? [] : ['-U a 1 5', '+U a 1 5']);
    await last.close();
  }
});

async function startOne(options: Omit<DeduplicateOptions<Row>, 'uid'>): Promise<OperatorHarness<Result>> {
  const { factory } = declareDeduplicate<Row>({ uid: 'one', schema: Row, ...options });
  return keyedOneInputHarness(factory, (row: Row) => row.book, { backend: TEST_BACKENDS[2]! });
}

test('the first by arrival comes once, until it is forgotten', async () => {
  const harness = await startOne({ keep: 'first', ttl: { processingTime: '1s' } });
  expect(put(harness, 1, 0)).toEqual(['+I a 1 0']);
  expect(put(harness, 2, 0)).toEqual([]);
  await harness.setProcessingTime(1_000);
  expect(put(harness, 3, 0)).toEqual(['+I a 3 0']);
  await harness.close();
});

test('the first of a stream of updates comes as an insertion', async () => {
  const harness = await startOne({ keep: 'first' });
  expect(put(harness, 1, 0, UPDATE_AFTER)).toEqual(['+I a 1 0']);
  await harness.close();
});

test('by event time an earlier first takes the place of a later one; of equal times the last is the one that came last', async () => {
  const times = (row: Row): number => row.sales;
  const first = await startOne({ keep: 'first', orderBy: times });
  expect(put(first, 1, 50)).toEqual(['+I a 1 50']);
  expect(put(first, 2, 50)).toEqual([]);
  expect(put(first, 3, 40)).toEqual(['-U a 1 50', '+U a 3 40']);
  await first.close();
  const last = await startOne({ keep: 'last', orderBy: times, emit: 'upsert', schema: undefined });
  expect(put(last, 1, 50)).toEqual(['+I a 1 50']);
  expect(put(last, 2, 40)).toEqual([]);
  expect(put(last, 3, 50)).toEqual(['+U a 3 50']);
  await last.close();
});

test('a record without timestamp has no event time', async () => {
  const harness = await startOne({ keep: 'last', orderBy: 'eventTime' });
  expect(() => harness.processElement({ book: 'a', id: 1, sales: 1 })).toThrow(
    'a record without time came to deduplicate',
  );
  await harness.close();
});

test('a list that is stored as an older format is read', async () => {
  const Older = record('Row', { book: string(), sales: long(), id: long() });
  let schema: Schema<Row> = Older;
  const harness = await keyedOneInputHarness(
    () =>
      declareTopN<Row, Result>({
        uid: 'top',
        n: 3,
        orderBy: { field: 'sales', direction: 'desc' },
        schema,
        withRank: true,
      }).factory(),
    (row: Row) => row.book,
    { backend: TEST_BACKENDS[1]! },
  );
  for (let id = 0; id < 5; id++) put(harness, id, id);
  const snapshot = await harness.snapshot();
  schema = Row;
  await harness.initializeState(snapshot);
  expect(put(harness, 7, 1)).toEqual([]);
  expect(put(harness, 8, 3)).toEqual(['-U a 2 2 #3', '+U a 8 3 #3']);
  await harness.close();
});

test('missing values are smaller than all others, NaN is larger, in whatever order rows come', async () => {
  const Measured = record('Measured', { value: optional(float64()) });
  type Measured = { readonly value?: number | null | undefined };
  const values = [3, undefined, Number.NaN, -5, null, 0];
  for (let first = 0; first < values.length; first++) {
    const { factory } = declareTopN<Measured, Measured>({
      uid: 'top',
      n: 6,
      orderBy: { field: 'value' } as never,
      schema: Measured as unknown as Schema<Measured>,
      withRank: true,
    });
    const harness = await keyedOneInputHarness(factory, () => 'a', { backend: TEST_BACKENDS[2]! });
    const byRank: unknown[] = [];
    for (let i = 0; i < values.length; i++) harness.processElement({ value: values[(first + i) % values.length] }, 1);
    for (const { kind, value } of harness.takeOutput().filter(isRecord)) {
      const { rank, value: number } = value as { rank: number; value?: number | null };
      if (kind !== '-U') byRank[rank - 1] = number ?? undefined;
    }
    expect(byRank).toEqual([undefined, undefined, -5, 0, 3, Number.NaN]);
    await harness.close();
  }
});

test('rows that are falsy are rows', async () => {
  const { factory } = declareTopN<number, string>({
    uid: 'top',
    n: 1,
    orderBy: (a, b) => a - b,
    schema: long(),
    withRank: (row, rank) => `${rank}. ${row}`,
  });
  const harness = await keyedOneInputHarness(factory, () => 'a', { backend: TEST_BACKENDS[2]! });
  for (const number of [1, 0, -1]) harness.processElement(number, 1);
  const rows = harness.takeOutput().filter(isRecord);
  expect(rows.map(({ kind, value }) => `${kind} ${value}`)).toEqual([
    '+I 1. 1',
    '-U 1. 1',
    '+U 1. 0',
    '-U 1. 0',
    '+U 1. -1',
  ]);
  await harness.close();
});
