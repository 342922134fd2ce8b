import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DELETE, INSERT, type RowKind, UPDATE_AFTER, UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import type { EmitMode } from '../../operators/updating/changelog-output.ts';
import { declareTopN, type TopNOptions } from '../../operators/updating/top-n.ts';
import { record } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { Bag } from './bag.ts';
import { RescaledHarness } from './rescaled-harness.ts';

const Row = record('Row', { key: string(), id: long(), price: long() });
type Row = Infer<typeof Row>;
type Result = Row & { readonly rank?: number };

type Step =
  | { readonly row: Row; readonly kind: RowKind }
  | { readonly watermark: true }
  | { readonly parallelism: number };

interface Draft {
  readonly roll: number;
  readonly key: string;
  readonly price: number;
}

/** What an input of this kind may send, and the rows that it stands for after each step, in order of arrival. */
function stepsOf(drafts: readonly Draft[], input: TopNOptions<Row>['input']): { step: Step; rows: Row[] }[] {
  let rows: Row[] = [];
  const steps: { step: Step; rows: Row[] }[] = [];
  const push = (step: Step): void => void steps.push({ step, rows });
  for (const [id, { roll, key, price }] of drafts.entries()) {
    if (roll >= 94) {
      push(roll >= 97 ? { parallelism: 1 + (price % 3) } : { watermark: true });
      continue;
    }
    const mine = rows.filter((row) => row.key === key);
    const before = mine[price % Math.max(1, mine.length)];
    if (input === 'changelog' && before !== undefined && roll > 45) {
      rows = rows.filter((row) => row !== before);
      push({ row: before, kind: roll > 70 ? UPDATE_BEFORE : DELETE });
      if (roll <= 70) continue;
      const row = { ...before, price };
      rows = [...rows, row];
      push({ row, kind: UPDATE_AFTER });
    } else if (input === 'upsert' && before !== undefined && roll > 45) {
      // Moves forward, or stays.
      const row = { ...before, price: before.price + (price % 3) };
      push({ row: before, kind: UPDATE_BEFORE });
      const at = rows.indexOf(before);
      rows = row.price === before.price ? rows.with(at, row) : [...rows.toSpliced(at, 1), row];
      push({ row, kind: UPDATE_AFTER });
    } else {
      const row = { key, id, price };
      rows = [...rows, row];
      push({ row, kind: INSERT });
    }
  }
  return steps;
}

function expectedOf(rows: readonly Row[], n: number, hasRank: boolean): string[] {
  return ['a', 'b', 'c'].flatMap((key) =>
    rows
      .filter((row) => row.key === key)
      .toSorted((a, b) => b.price - a.price)
      .slice(0, n)
      .map((row, i) => JSON.stringify(hasRank ? { ...row, rank: i + 1 } : row)),
  );
}

/** The table that results stand for: as a bag, or by what upserts are known by. */
class Results {
  readonly #bag = new Bag<Result>();
  readonly #rows = new Map<string, Result>();
  readonly #idOf: ((row: Result) => string) | undefined;

  constructor(idOf: ((row: Result) => string) | undefined) {
    this.#idOf = idOf;
  }

  change(row: Result, kind: string): void {
    if (this.#idOf === undefined) {
      this.#bag.change(row, kind.startsWith('-'));
      return;
    }
    expect(kind).not.toBe('-U');
    const id = this.#idOf(row);
    expect(this.#rows.has(id)).toBe(kind !== '+I');
    if (kind === '-D') this.#rows.delete(id);
    else this.#rows.set(id, row);
  }

  texts(): string[] {
    return (this.#idOf === undefined ? this.#bag.values() : [...this.#rows.values()])
      .map((row) => JSON.stringify(row))
      .toSorted();
  }
}

function idOf(emit: EmitMode, hasRank: boolean, n: number): ((row: Result) => string) | undefined {
  if (emit === 'changelog') return undefined;
  if (hasRank) return ({ key, rank }) => `${key} ${rank}`;
  return n === 1 ? ({ key }) => key : ({ id, price }) => `${id} ${price}`;
}

const draft: fc.Arbitrary<Draft> = fc.record({
  roll: fc.integer({ min: 0, max: 99 }),
  key: fc.constantFrom('a', 'a', 'a', 'b', 'c'),
  price: fc.integer({ min: 0, max: 9 }),
});

for (const backend of TEST_BACKENDS) {
  test(`the output of a top-N folds to the first N of its folded input, restores included (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(draft, { minLength: 10, maxLength: 90, size: 'max' }),
        fc.constantFrom<TopNOptions<Row>['input']>('insertOnly', 'changelog', 'upsert'),
        fc.record({
          n: fc.constantFrom(1, 2, 3, 7),
          emit: fc.constantFrom<EmitMode>('changelog', 'upsert'),
          withRank: fc.boolean(),
          isFolded: fc.boolean(),
        }),
        async (drafts, input, { n, emit, withRank, isFolded }) => {
          const { factory } = declareTopN<Row, Result>({
            uid: 'top',
            n,
            orderBy: { field: 'price', direction: 'desc' },
            schema: Row,
            input,
            rowKey: input === 'upsert' ? (row) => row.id : undefined,
            emit,
            withRank,
            miniBatch: isFolded ? { latency: '1s', size: 7 } : undefined,
          });
          const harness = await new RescaledHarness<Row, Result>(factory, (row) => row.key, backend).open();
          const results = new Results(idOf(emit, withRank, n));
          let watermarkMs = 0;
          for (const { step, rows } of stepsOf(drafts, input)) {
            if ('watermark' in step) await harness.processWatermark(++watermarkMs);
            else if ('row' in step) harness.processElement(step.row, 1, step.kind);
            else for (const { value, kind } of await harness.restore(step.parallelism)) results.change(value, kind);
            for (const { value, kind } of harness.takeRecords()) results.change(value, kind);
            // Between -U and +U the input is no table of the upsert kind.
            const isBetween = 'row' in step && step.kind === UPDATE_BEFORE && input === 'upsert';
            if (isBetween || (isFolded && 'row' in step)) continue;
            expect(results.texts()).toEqual(expectedOf(rows, n, withRank).toSorted());
          }
          await harness.close();
        },
      ),
      { numRuns: 200 },
    );
  });
}

test('rows beyond those kept in order come forward when the ones before them are taken back', async () => {
  const drafts = fc.array(
    fc.record({ isRetraction: fc.boolean(), at: fc.nat({ max: 1000 }), price: fc.nat({ max: 5 }) }),
    { minLength: 300, maxLength: 400, size: 'max' },
  );
  await fc.assert(
    fc.asyncProperty(drafts, async (input) => {
      const { factory } = declareTopN<Row, Result>({
        uid: 'top',
        n: 2,
        orderBy: { field: 'price', direction: 'desc' },
        schema: Row,
        input: 'changelog',
        withRank: true,
      });
      const harness = await new RescaledHarness<Row, Result>(factory, (row) => row.key, TEST_BACKENDS[2]!).open();
      const results = new Results(undefined);
      let rows: Row[] = [];
      for (const [id, change] of input.entries()) {
        // Grows to some hundred rows, then shrinks: best rows go first.
        const takesBack = rows.length > 0 && (id > 200 ? change.at % 8 !== 0 : change.at % 8 === 0);
        if (takesBack) {
          const sorted = rows.toSorted((a, b) => b.price - a.price);
          const row = change.isRetraction ? sorted[0]! : rows[change.at % rows.length]!;
          rows = rows.filter((other) => other !== row);
          harness.processElement(row, 1, DELETE);
        } else {
          const row = { key: 'a', id, price: change.price };
          rows = [...rows, row];
          harness.processElement(row, 1, INSERT);
        }
        for (const { value, kind } of harness.takeRecords()) results.change(value, kind);
        expect(results.texts()).toEqual(expectedOf(rows, 2, true).toSorted());
        if (id % 97 === 96) await harness.restore(1 + (id % 2));
      }
      await harness.close();
    }),
    { numRuns: 30 },
  );
});
