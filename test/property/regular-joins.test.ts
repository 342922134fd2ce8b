import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DELETE, INSERT, isRetraction, type RowKind, UPDATE_AFTER, UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import type { JoinType } from '../../operators/join/outer-interval-join-operator.ts';
import { RegularJoinOperator } from '../../operators/updating/regular-join-operator.ts';
import { record } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { Bag } from './bag.ts';
import { RescaledHarness } from './rescaled-harness.ts';

const Row = record('Row', { key: string(), number: long() });
type Row = Infer<typeof Row>;
type SidedRow = Row & { readonly side?: 0 | 1 };

interface Side {
  readonly isUnique: boolean;
  readonly isInsertOnly: boolean;
  readonly hasFilter: boolean;
}

interface Change {
  readonly side: 0 | 1;
  readonly row: Row;
  readonly kind: RowKind;
}

type Step = Change | { readonly parallelism: number };

interface Draft {
  readonly roll: number;
  readonly side: 0 | 1;
  readonly key: string;
  readonly number: number;
}

/** Changes that the sides may give, by what is said of them. */
function stepsOf(drafts: readonly Draft[], sides: readonly [Side, Side]): Step[] {
  const rows: Row[][] = [[], []];
  const steps: Step[] = [];
  for (const { roll, side, key, number } of drafts) {
    if (roll >= 95) {
      steps.push({ parallelism: 1 + (number % 3) });
      continue;
    }
    const { isUnique, isInsertOnly } = sides[side];
    const mine = rows[side]!;
    const found = mine.findIndex((row) => row.key === key);
    const row = { key, number };
    const push = (changed: Row, kind: RowKind): void => void steps.push({ side, row: changed, kind });
    if (roll < 55 || found < 0 || isInsertOnly) {
      if (isUnique && found >= 0) {
        if (isInsertOnly) continue;
        // As an upsert stream does it.
        mine.splice(found, 1);
        push(row, number % 2 === 0 ? UPDATE_AFTER : INSERT);
      } else {
        push(row, INSERT);
      }
      mine.push(row);
    } else {
      const [before] = mine.splice(found, 1);
      if (roll < 75) {
        push(before!, UPDATE_BEFORE);
        push(row, UPDATE_AFTER);
        mine.push(row);
      } else {
        push(before!, DELETE);
      }
    }
  }
  return steps;
}

const filter = (row: Row): boolean => row.number % 3 !== 0;
const where = (left: Row, right: Row): boolean => (left.number + right.number) % 2 === 0;
const text = (left: Row | undefined, right: Row | undefined): string =>
  `${left?.key ?? right!.key} ${left?.number ?? '-'} ${right?.number ?? '-'}`;

/** The join of two tables, as SQL has it. */
function joined(
  tables: readonly [readonly Row[], readonly Row[]],
  type: JoinType,
  sides: readonly [Side, Side],
  hasWhere: boolean,
): string[] {
  const arePartners = (left: Row, right: Row): boolean =>
    left.key === right.key &&
    (!hasWhere || where(left, right)) &&
    (!sides[0].hasFilter || filter(left)) &&
    (!sides[1].hasFilter || filter(right));
  const [lefts, rights] = tables;
  const results = lefts.flatMap((left) =>
    rights.filter((right) => arePartners(left, right)).map((right) => text(left, right)),
  );
  if (type === 'left' || type === 'full')
    for (const left of lefts)
      if (!rights.some((right) => arePartners(left, right))) results.push(text(left, undefined));
  if (type === 'right' || type === 'full')
    for (const right of rights)
      if (!lefts.some((left) => arePartners(left, right))) results.push(text(undefined, right));
  return results.toSorted();
}

const side: fc.Arbitrary<Side> = fc.record({
  isUnique: fc.boolean(),
  isInsertOnly: fc.boolean(),
  hasFilter: fc.boolean(),
});
const draft: fc.Arbitrary<Draft> = fc.record({
  roll: fc.integer({ min: 0, max: 99 }),
  side: fc.constantFrom<0 | 1>(0, 1),
  key: fc.constantFrom('a', 'a', 'a', 'b', 'c'),
  number: fc.integer({ min: 0, max: 6 }),
});

for (const backend of TEST_BACKENDS) {
  test(`the output of a regular join folds to the join of its folded inputs, restores included (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(draft, { minLength: 5, maxLength: 80, size: 'max' }),
        fc.constantFrom<JoinType>('inner', 'left', 'right', 'full'),
        fc.tuple(side, side),
        fc.boolean(),
        fc.boolean(),
        async (drafts, joinType, sides, hasWhere, isSelfJoin) => {
          const [left, right] = sides.map(({ isUnique, isInsertOnly, hasFilter }) => ({
            schema: Row,
            isUnique,
            isInsertOnly,
            filter: hasFilter ? filter : undefined,
            ttl: undefined,
          })) as [never, never];
          const harness = await new RescaledHarness<SidedRow, string>(
            () =>
              new RegularJoinOperator<Row, Row, string>({
                joinType,
                left,
                right,
                where: hasWhere ? where : undefined,
                join: text,
                sides: isSelfJoin
                  ? { isLeft: (row) => (row as SidedRow).side === 0, isRight: (row) => (row as SidedRow).side === 1 }
                  : undefined,
              }),
            (row) => row.key,
            backend,
            isSelfJoin ? 1 : 2,
          ).open();
          const tables = [new Bag<Row>(), new Bag<Row>()] as const;
          const output = new Bag<string>();
          for (const step of stepsOf(drafts, sides)) {
            if ('parallelism' in step) {
              await harness.restore(step.parallelism);
              continue;
            }
            tables[step.side].change(step.row, isRetraction(step.kind), sides[step.side].isUnique ? step.row.key : '');
            if (isSelfJoin) harness.processElement({ ...step.row, side: step.side }, 1, step.kind);
            else if (step.side === 0) harness.processElement1(step.row, 1, step.kind);
            else harness.processElement2(step.row, 1, step.kind);
            for (const { value, kind } of harness.takeRecords()) output.change(value, kind.startsWith('-'));
            expect(output.values().toSorted()).toEqual(
              joined([tables[0].values(), tables[1].values()], joinType, sides, hasWhere),
            );
          }
          await harness.close();
        },
      ),
      { numRuns: 250 },
    );
  });
}
