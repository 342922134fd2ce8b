import { expect, test } from 'vitest';
import { DELETE, INSERT, UPDATE_AFTER, UPDATE_BEFORE } from '../../../engine/task/row-kind.ts';
import type { JoinType } from '../../../operators/join/outer-interval-join-operator.ts';
import {
  RegularJoinOperator,
  type RegularJoinOperatorOptions,
} from '../../../operators/updating/regular-join-operator.ts';
import { record } from '../../../state/schema/record.ts';
import { withDefault } from '../../../state/schema/attributes.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import type { Infer, Schema } from '../../../state/schema/schema.ts';
import { TEST_BACKENDS, type TestBackendKind } from '../../harness/operators/backends.ts';
import { type OperatorHarness, twoInputHarness } from '../../harness/operators/operator-harness.ts';
import { isRecord } from '../../harness/operators/stream-elements.ts';

const Row = record('Row', { key: string(), number: long() });
type Row = Infer<typeof Row>;
type Options = RegularJoinOperatorOptions<Row, Row, string>;
type Side = Options['left'];

const PLAIN: Side = { schema: Row, isUnique: false, isInsertOnly: false, filter: undefined, ttl: undefined };
const row = (number: number): Row => ({ key: 'a', number });

function start(
  options: Partial<Options> = {},
  backend: TestBackendKind = TEST_BACKENDS[1]!,
): Promise<OperatorHarness<string>> {
  return twoInputHarness<Row, Row, string>(
    () =>
      new RegularJoinOperator<Row, Row, string>({
        joinType: 'inner',
        left: PLAIN,
        right: PLAIN,
        where: undefined,
        join: (left, right) => `${left?.number ?? '-'} ${right?.number ?? '-'}`,
        ...options,
      }),
    [({ key }) => key, ({ key }) => key],
    { backend },
  );
}

const take = (harness: OperatorHarness<string>): string[] =>
  harness
    .takeOutput()
    .filter(isRecord)
    .map(({ kind, value, timestampMs }) => `${kind} ${value} @${timestampMs}`);

test("results have the kind and the time of the row that has caused them, as Flink's", async () => {
  const harness = await start();
  harness.processElement1(row(1), 10, INSERT);
  harness.processElement2(row(2), 5, UPDATE_AFTER);
  harness.processElement2(row(2), 20, UPDATE_BEFORE);
  harness.processElement2(row(3), 30, UPDATE_AFTER);
  harness.processElement1(row(1), 40, DELETE);
  expect(take(harness)).toEqual(['+U 1 2 @5', '-U 1 2 @20', '+U 1 3 @30', '-D 1 3 @40']);
  await harness.close();
});

test.each<[JoinType, string[]]>([
  ['left', ['+I 1 - @1', '-D 1 - @2', '+I 1 7 @2', '+I 1 8 @3', '+I 2 7 @4', '+I 2 8 @4']],
  ['right', ['+I 1 7 @2', '+I 1 8 @3', '+I 2 7 @4', '+I 2 8 @4']],
  ['full', ['+I 1 - @1', '-D 1 - @2', '+I 1 7 @2', '+I 1 8 @3', '+I 2 7 @4', '+I 2 8 @4']],
])(
  '%s outer: padded results are taken back at the first partner, and come again after the last',
  async (joinType, before) => {
    const harness = await start({ joinType });
    harness.processElement1(row(1), 1);
    harness.processElement2(row(7), 2);
    harness.processElement2(row(8), 3);
    harness.processElement1(row(2), 4);
    expect(take(harness)).toEqual(before);
    harness.processElement2(row(7), 5, DELETE);
    expect(take(harness)).toEqual(joinType === 'right' ? ['-D 1 7 @5', '-D 2 7 @5'] : ['-D 1 7 @5', '-D 2 7 @5']);
    harness.processElement2(row(8), 6, DELETE);
    const padded = joinType === 'right' ? [] : ['+I 1 - @6', '+I 2 - @6'];
    expect(take(harness)).toEqual(['-D 1 8 @6', '-D 2 8 @6', ...padded]);
    harness.processElement1(row(1), 7, DELETE);
    harness.processElement1(row(2), 8, DELETE);
    expect(take(harness)).toEqual(joinType === 'right' ? [] : ['-D 1 - @7', '-D 2 - @8']);
    expect(harness.numKeyedStateEntries()).toBe(0);
    await harness.close();
  },
);

test.each(TEST_BACKENDS)(
  'thousands of rows of a key are all there, in order, restored and taken back ($name)',
  async (backend) => {
    const count = backend.name === 'oracle' ? 300 : 6000;
    const harness = await start({}, backend);
    for (let i = 0; i < count; i++) {
      harness.processElement1(row(i), 1);
      // Another key in between, so that small caches put this one away.
      if (i % 100 === 0) harness.processElement1({ key: 'b', number: i }, 1);
      if (i % (count / 3) === 10) await harness.initializeState(await harness.snapshot());
    }
    harness.processElement2(row(-1), 2);
    expect(take(harness)).toEqual(Array.from({ length: count }, (_, i) => `+I ${i} -1 @2`));
    for (let i = 0; i < count; i += 97) harness.processElement1(row(i), 3, DELETE);
    take(harness);
    harness.processElement2(row(-1), 4, DELETE);
    expect(take(harness)).toEqual(
      Array.from({ length: count }, (_, i) => i)
        .filter((i) => i % 97 !== 0)
        .map((i) => `-D ${i} -1 @4`),
    );
    await harness.close();
  },
);

test('rows that have met the only row of their key are not kept; those that came before it are, until it comes', async () => {
  const harness = await start({ right: { ...PLAIN, isUnique: true, isInsertOnly: true } });
  const sizes: number[] = [];
  const note = (): void => void sizes.push(stored(harness));
  harness.processElement1(row(1), 1);
  note();
  harness.processElement2(row(7), 2);
  note();
  harness.processElement1(row(2), 3);
  note();
  harness.processElement1(row(2), 4, DELETE);
  expect(take(harness)).toEqual(['+I 1 7 @2', '+I 2 7 @3', '-D 2 7 @4']);
  expect(sizes).toEqual([1, 0, 0]);
  await harness.close();
});

/** Left rows kept of key a. */
function stored(harness: OperatorHarness<string>): number {
  const rows = harness.backend.inspect('a', 'left-rows') as { rows: unknown[]; packedCount: number } | undefined;
  return rows === undefined ? 0 : rows.rows.length + rows.packedCount;
}

test('a promise that is broken fails the job, saying which; the same row sent twice does not', async () => {
  const harness = await start({ right: { ...PLAIN, isUnique: true, isInsertOnly: true } });
  harness.processElement2(row(7), 1);
  harness.processElement2(row(7), 2);
  expect(() => harness.processElement2(row(8), 3)).toThrow('unique and insertOnly, found a second row of a key');
  expect(() => harness.processElement2(row(7), 4, DELETE)).toThrow('found a row of kind -D');
  await harness.close();
});

test('a side with time-to-live forgets rows one by one', async () => {
  const ttl = { timeToLiveMs: 100, timeDomain: 'processingTime' } as const;
  const harness = await start({ left: { ...PLAIN, ttl } });
  harness.processElement1(row(1), 1);
  await harness.setProcessingTime(60);
  harness.processElement1(row(2), 2);
  await harness.setProcessingTime(110);
  harness.processElement2(row(7), 3);
  expect(take(harness)).toEqual(['+I 2 7 @3']);
  await harness.close();
});

test('packed rows are read after a field was added to their schema', async () => {
  const Wider = record('Row', { key: string(), number: long(), extra: withDefault(long(), 5) });
  let schema: Schema<Row> = Row;
  const harness = await twoInputHarness<Row, Row, string>(
    () =>
      new RegularJoinOperator<Row, Row, string>({
        joinType: 'inner',
        left: { ...PLAIN, schema },
        right: PLAIN,
        where: undefined,
        join: (left, right) => `${JSON.stringify(left)} ${right?.number}`,
      }),
    [({ key }) => key, ({ key }) => key],
    { backend: TEST_BACKENDS[1]! },
  );
  for (let i = 0; i < 3; i++) harness.processElement1(row(i), 1);
  const snapshot = await harness.snapshot();
  schema = Wider as unknown as Schema<Row>;
  await harness.initializeState(snapshot);
  harness.processElement1({ key: 'a', number: 3, extra: 6 } as Row, 1);
  await harness.initializeState(await harness.snapshot());
  harness.processElement2(row(9), 2);
  expect(take(harness)).toEqual(
    [0, 1, 2, 3].map((i) => `+I {"key":"a","number":${i},"extra":${i === 3 ? 6 : 5}} 9 @2`),
  );
  await harness.close();
});

test('a row is taken back where it is, not where its bytes stand across two others', async () => {
  const Pair = record('Pair', { a: long(), b: long() });
  type Pair = Infer<typeof Pair>;
  const side = { ...PLAIN, schema: Pair, filter: undefined };
  const harness = await twoInputHarness<Pair, Pair, string>(
    () =>
      new RegularJoinOperator<Pair, Pair, string>({
        joinType: 'inner',
        left: side,
        right: side,
        where: undefined,
        join: (left) => `${left?.a}${left?.b}`,
      }),
    [() => 'key', () => 'key'],
    { backend: TEST_BACKENDS[2]! },
  );
  for (const [a, b] of [
    [0, 1],
    [1, 0],
  ] as const)
    harness.processElement1({ a, b }, 1);
  harness.processElement1({ a: 1, b: 1 }, 1, DELETE);
  harness.processElement1({ a: 1, b: 0 }, 1, DELETE);
  harness.processElement1({ a: 2, b: 2 }, 1);
  harness.processElement2({ a: 0, b: 0 }, 1);
  expect(take(harness)).toEqual(['+I 01 @1', '+I 22 @1']);
  await harness.close();
});

test('a unique side takes back nothing when nothing is there, or nothing with a partner', async () => {
  const filter = ({ number }: Row): boolean => number > 0;
  const harness = await start({ left: { ...PLAIN, isUnique: true, filter } });
  harness.processElement2(row(7), 1);
  harness.processElement1(row(1), 2, DELETE);
  harness.processElement1(row(-1), 3);
  // A deletion that gives no more than the key.
  harness.processElement1(row(1), 4, DELETE);
  harness.processElement1(row(2), 5);
  harness.processElement1(row(3), 6, DELETE);
  harness.processElement1(row(2), 7, DELETE);
  expect(take(harness)).toEqual(['+I 2 7 @5', '-D 2 7 @6']);
  await harness.close();
});

test('a row that was never there leaves the padded rows of the other side as they are', async () => {
  const harness = await start({ joinType: 'left' });
  harness.processElement1(row(1), 1);
  harness.processElement2(row(7), 2, DELETE);
  harness.processElement2(row(8), 3);
  expect(take(harness).filter((line) => line.includes('1 -'))).toEqual(['+I 1 - @1', '-D 1 - @3']);
  await harness.close();
});

test('rows without fields are counted, and taken back', async () => {
  const Nothing = record('Nothing', {});
  const harness = await start({ left: { ...PLAIN, schema: Nothing as never }, join: (_, right) => `${right?.number}` });
  harness.processElement1(row(1), 1, DELETE);
  for (let i = 0; i < 3; i++) harness.processElement1(row(1), 1);
  harness.processElement1(row(1), 1, DELETE);
  await harness.initializeState(await harness.snapshot());
  harness.processElement2(row(7), 2);
  expect(take(harness)).toEqual(['+I 7 @2', '+I 7 @2']);
  for (let i = 0; i < 3; i++) harness.processElement1(row(1), 3, DELETE);
  take(harness);
  expect(harness.backend.inspect('a', 'left-rows')).toBeUndefined();
  await harness.close();
});
