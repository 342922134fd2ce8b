import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntervalJoinOperator } from '../../operators/join/interval-join-operator.ts';
import type { JoinLogic } from '../../operators/join/join-function.ts';
import {
  type EmitUnmatched,
  type JoinType,
  OuterIntervalJoinOperator,
} from '../../operators/join/outer-interval-join-operator.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import { record as recordSchema } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { TEST_BACKENDS, type TestBackendKind } from '../harness/operators/backends.ts';
import type { OutputElement } from '../harness/operators/stream-elements.ts';
import { type KeyedStep, keyedSteps } from './keyed-steps.ts';
import { RescaledHarness } from './rescaled-harness.ts';

/** A row is its number in the input, so that equal ones can be told apart. */
const Row = recordSchema('Row', { key: string(), number: long() });
type Row = Infer<typeof Row>;

const PAIR: JoinLogic<Row | undefined, Row | undefined, string> = {
  processElement: (left, right, _context, out) => out.collect(`${left?.number ?? '-'} ${right?.number ?? '-'}`),
};

/** What came out at every step, and once time had passed. */
async function replay(
  steps: readonly KeyedStep[],
  create: () => StreamOperator<string>,
  backend: TestBackendKind,
): Promise<OutputElement<string>[][]> {
  const keyOf = (row: Row): string => row.key;
  const harness = await new RescaledHarness<Row, string>(create, keyOf, backend, 2).open();
  const watermarks = [1000, 1000];
  const pushWatermarks = async (): Promise<void> => {
    await harness.processWatermark1(watermarks[0]!);
    await harness.processWatermark2(watermarks[1]!);
  };
  await pushWatermarks();
  harness.takeOutput();
  const outputs: OutputElement<string>[][] = [];
  for (const [number, step] of steps.entries()) {
    if (step.do === 'record') {
      const row = { key: step.key, number };
      if (step.side === 1) harness.processElement1(row, step.timestampMs);
      else harness.processElement2(row, step.timestampMs);
    } else if (step.do === 'advance') {
      watermarks[step.side - 1]! += step.byMs;
      await pushWatermarks();
    } else {
      await harness.restore(step.parallelism);
      await pushWatermarks();
    }
    outputs.push(harness.takeOutput());
  }
  watermarks.fill(Math.max(...watermarks) + 1_000_000);
  await pushWatermarks();
  outputs.push(harness.takeOutput());
  expect(harness.leftOver()).toEqual([0, 0, 0]);
  await harness.close();
  return outputs;
}

interface InputRow {
  readonly number: number;
  readonly side: 1 | 2;
  readonly key: string;
  readonly timestampMs: number;
  /** The operator's watermark when it came. */
  readonly watermarkMs: number;
}

/** The records of the input with the watermark that each met, and the watermarks by step. */
function rowsOf(steps: readonly KeyedStep[]): { rows: InputRow[]; watermarkAfter: number[] } {
  const watermarks = [1000, 1000];
  const rows: InputRow[] = [];
  const watermarkAfter = steps.map((step, number) => {
    if (step.do === 'record') {
      const { side, key, timestampMs } = step;
      rows.push({ number, side, key, timestampMs, watermarkMs: Math.min(...watermarks) });
    } else if (step.do === 'advance') {
      watermarks[step.side - 1]! += step.byMs;
    }
    return Math.min(...watermarks);
  });
  return { rows, watermarkAfter };
}

function valuesOf(elements: readonly OutputElement<string>[]): string[] {
  return elements
    .flatMap((element) => ('value' in element ? [`${element.kind} ${element.value} @${element.timestampMs}`] : []))
    .toSorted();
}

const bounds = fc
  .tuple(fc.integer({ min: -25, max: 25 }), fc.integer({ min: 0, max: 30 }))
  .map(([lowerMs, widthMs]) => ({
    lowerMs,
    upperMs: lowerMs + widthMs,
  }));

for (const backend of TEST_BACKENDS) {
  test(`an inner join gives every pair in the interval that time allowed, when the second row comes (${backend.name})`, async () => {
    const steps = keyedSteps({ spreadMs: 40, advanceMaxMs: 20, sides: 2 });
    await fc.assert(
      fc.asyncProperty(bounds, steps, async ({ lowerMs, upperMs }, input) => {
        const options = {
          lowerMs,
          upperMs,
          leftSchema: Row,
          rightSchema: Row,
          leftLateTag: undefined,
          rightLateTag: undefined,
        };
        const found = await replay(input, () => new IntervalJoinOperator({ ...options, logic: PAIR }), backend);
        expect(found.map(valuesOf)).toEqual(innerOracle(input, lowerMs, upperMs));
      }),
      { numRuns: 400 },
    );
  });

  for (const emitUnmatched of ['final', 'early'] as const) {
    test(`an outer join of rows in time is the outer join of the whole input, ${emitUnmatched} (${backend.name})`, async () => {
      const steps = keyedSteps({ spreadMs: 40, advanceMaxMs: 20, sides: 2, late: false });
      const joinType = fc.constantFrom<JoinType>('inner', 'left', 'right', 'full');
      await fc.assert(
        fc.asyncProperty(
          bounds,
          joinType,
          fc.constantFrom(0, 0, 15),
          steps,
          async ({ lowerMs, upperMs }, type, cleanupMs, input) => {
            const found = await replay(
              input,
              () => outerJoin(type, lowerMs, upperMs, emitUnmatched, 0, cleanupMs),
              backend,
            );
            expect(net(found.flat())).toEqual(outerOracle(input, lowerMs, upperMs, type));
            expectNothingLate(found.flat());
            if (emitUnmatched === 'final')
              expect(found.flat().every((element) => !('kind' in element) || element.kind === '+I')).toBe(true);
            else expectEarly(input, found, type);
          },
        ),
        { numRuns: 150 },
      );
    });

    test(`each row of an outer side comes out joined or padded once, late ones too, ${emitUnmatched} (${backend.name})`, async () => {
      const steps = keyedSteps({ spreadMs: 60, advanceMaxMs: 40, sides: 2 });
      await fc.assert(
        fc.asyncProperty(bounds, fc.constantFrom(0, 20), steps, async ({ lowerMs, upperMs }, latenessMs, input) => {
          const found = await replay(
            input,
            () => outerJoin('full', lowerMs, upperMs, emitUnmatched, latenessMs, 0),
            backend,
          );
          const results = net(found.flat()).map((text) => text.split(' @')[0]!.split(' '));
          for (const row of rowsOf(input).rows) {
            const mine = results.filter((pair) => pair[row.side - 1] === String(row.number));
            const padded = mine.filter((pair) => pair[2 - row.side] === '-');
            expect(padded.length, `row ${row.number}`).toBe(mine.length > 1 ? 0 : padded.length);
            expect(mine.length, `row ${row.number}`).toBeGreaterThan(0);
          }
        }),
        { numRuns: 100 },
      );
    });
  }
}

function outerJoin(
  joinType: JoinType,
  lowerMs: number,
  upperMs: number,
  emitUnmatched: EmitUnmatched,
  allowedLatenessMs: number,
  cleanupIntervalMs: number,
): StreamOperator<string> {
  return new OuterIntervalJoinOperator<Row, Row, string>({
    joinType,
    lowerMs,
    upperMs,
    allowedLatenessMs,
    cleanupIntervalMs,
    isPrompt: true,
    watermarkDelayMs: Math.max(upperMs, -lowerMs, 0) + allowedLatenessMs + cleanupIntervalMs + 1,
    emitUnmatched,
    leftSchema: Row,
    rightSchema: Row,
    logic: PAIR,
  });
}

function innerOracle(steps: readonly KeyedStep[], lowerMs: number, upperMs: number): string[][] {
  const { rows, watermarkAfter } = rowsOf(steps);
  const outputs: string[][] = Array.from({ length: steps.length + 1 }, () => []);
  const inTime = rows.filter((row) => row.timestampMs >= row.watermarkMs);
  for (const left of inTime.filter(({ side }) => side === 1)) {
    for (const right of inTime.filter(({ side, key }) => side === 2 && key === left.key)) {
      const distanceMs = right.timestampMs - left.timestampMs;
      if (distanceMs < lowerMs || distanceMs > upperMs) continue;
      const [first, second] = left.number < right.number ? [left, right] : [right, left];
      // The first is gone when, since it came, a watermark has reached the end of its own interval.
      const goneMs = first.timestampMs + Math.max(0, first === left ? upperMs : -lowerMs);
      const between = steps.slice(first.number, second.number);
      const hasAdvanced = second.watermarkMs > first.watermarkMs || between.some((step) => step.do === 'restore');
      if (hasAdvanced && watermarkAfter[second.number]! >= goneMs) continue;
      const atMs = Math.max(left.timestampMs, right.timestampMs);
      outputs[second.number]!.push(`+I ${left.number} ${right.number} @${atMs}`);
    }
  }
  return outputs.map((results) => results.toSorted());
}

function outerOracle(steps: readonly KeyedStep[], lowerMs: number, upperMs: number, joinType: JoinType): string[] {
  const { rows } = rowsOf(steps);
  const results: string[] = [];
  const joined = new Set<number>();
  const [lefts, rights] = [rows.filter(({ side }) => side === 1), rows.filter(({ side }) => side === 2)];
  for (const left of lefts) {
    for (const right of rights) {
      const distanceMs = right.timestampMs - left.timestampMs;
      if (left.key !== right.key || distanceMs < lowerMs || distanceMs > upperMs) continue;
      results.push(`${left.number} ${right.number} @${Math.max(left.timestampMs, right.timestampMs)}`);
      joined.add(left.number).add(right.number);
    }
  }
  const isAlone = ({ number }: InputRow): boolean => !joined.has(number);
  if (joinType === 'left' || joinType === 'full')
    results.push(...lefts.filter(isAlone).map((row) => `${row.number} - @${row.timestampMs}`));
  if (joinType === 'right' || joinType === 'full')
    results.push(...rights.filter(isAlone).map((row) => `- ${row.number} @${row.timestampMs}`));
  return results.toSorted();
}

/** Results that are not taken back; a result taken back must be there. */
function net(elements: readonly OutputElement<string>[]): string[] {
  const results: string[] = [];
  for (const element of elements) {
    if (!('value' in element)) continue;
    const text = `${element.value} @${element.timestampMs}`;
    if (element.kind === '+I') {
      results.push(text);
      continue;
    }
    expect(element.kind).toBe('-D');
    const at = results.indexOf(text);
    expect(at, `taken back before it came out: ${text}`).toBeGreaterThanOrEqual(0);
    results.splice(at, 1);
  }
  return results.toSorted();
}

function expectNothingLate(elements: readonly OutputElement<string>[]): void {
  let watermarkMs = -Infinity;
  for (const element of elements) {
    if ('watermarkMs' in element) watermarkMs = element.watermarkMs;
    else if ('value' in element) expect(element.timestampMs, JSON.stringify(element)).toBeGreaterThan(watermarkMs);
  }
}

/** Every row of an outer side is in a result right after it came. */
function expectEarly(steps: readonly KeyedStep[], found: readonly OutputElement<string>[][], joinType: JoinType): void {
  for (const [number, step] of steps.entries()) {
    if (step.do !== 'record') continue;
    const isOuter = joinType === 'full' || joinType === (step.side === 1 ? 'left' : 'right');
    const mine = found[number]!.some(
      (element) => 'value' in element && element.value.split(' ')[step.side - 1] === String(number),
    );
    if (isOuter) expect(mine, `row ${number}`).toBe(true);
  }
}
