import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WatermarkStrategy } from '../../engine/time/watermark-strategy.ts';
import { CepOperator } from '../../operators/cep/cep-operator.ts';
import { Pattern } from '../../operators/cep/pattern.ts';
import type { PatternMatch } from '../../operators/cep/pattern-match.ts';
import { defineJob } from '../../operators/define-job.ts';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import { record as recordSchema } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { TEST_BACKENDS, type TestBackendKind } from '../harness/operators/backends.ts';
import { testJob } from '../harness/index.ts';
import { keyedOneInputHarness } from '../harness/operators/operator-harness.ts';
import { bruteForceMatches, type BruteStage } from './cep-brute-force.ts';
import { keyedSteps, type KeyedStep } from './keyed-steps.ts';

const Row = recordSchema('Row', { key: string(), letter: string(), number: long(), at: long() });
type Row = Infer<typeof Row>;

const letterOf = (value: number): string => 'abc'[value % 3]!;

interface TestedPattern {
  readonly stages: readonly BruteStage[];
  readonly withinMs: number;
}

const letters = fc.constantFrom('a', 'b', 'c', 'a', 'b', 'c', 'ab', 'bc');
const quantity = fc.constantFrom([1, 1], [1, 1], [1, 1], [2, 2], [1, 2], [2, 3], [1, Infinity], [2, Infinity]);

const anyStage: fc.Arbitrary<BruteStage> = fc
  .record({
    via: fc.constantFrom('next' as const, 'followedBy' as const, 'followedByAny' as const),
    letters,
    quantity,
    isOptional: fc.boolean(),
    inner: fc.constantFrom('strict' as const, 'next' as const, 'next' as const, 'any' as const),
    until: fc.constantFrom('', '', 'c'),
  })
  .map(({ quantity: [from, to], inner, until, ...stage }) => ({
    ...stage,
    from: from!,
    to: to!,
    // All combinations of a loop are too many.
    inner: to === Infinity && inner === 'any' ? 'next' : inner,
    until: to === Infinity ? until : '',
  }));

const anyNot: fc.Arbitrary<BruteStage> = fc
  .record({
    via: fc.constantFrom('notNext' as const, 'notFollowedBy' as const),
    letters: fc.constantFrom('a', 'b', 'c'),
  })
  .map((stage) => ({ ...stage, from: 1, to: 1, isOptional: false, inner: 'next', until: '' }));

const anyPattern: fc.Arbitrary<TestedPattern> = fc.record({
  stages: fc.array(fc.tuple(anyStage, fc.option(anyNot, { freq: 3 })), { minLength: 1, maxLength: 4 }).map((drafts) =>
    drafts.flatMap(([stage, not], i): BruteStage[] => {
      // A record that both must not come and completes the match is left open.
      const isNot = (at: number): boolean => {
        const letter = drafts[at]?.[1]?.letters;
        const next = drafts[at + 1]?.[0];
        return letter !== undefined && next !== undefined && !next.letters.includes(letter);
      };
      const isAfterNot = isNot(i - 1);
      const isBeforeNot = isNot(i);
      // So is where a notFollowedBy counts between the records of a stage with a bounded number of them.
      const isBesideNot = [i - 1, i].some((at) => isNot(at) && drafts[at]![1]!.via === 'notFollowedBy');
      const settled = {
        ...stage,
        ...(isBesideNot && stage.to !== Infinity ? { from: 1, to: 1 } : {}),
        isOptional: stage.isOptional && !isAfterNot && !isBeforeNot,
      };
      return isBeforeNot ? [settled, not!] : [settled];
    }),
  ),
  withinMs: fc.constantFrom(0, 20, 40, 60),
});

function patternOf({ stages, withinMs }: TestedPattern): Pattern<Row> {
  let built: Pattern<Row> | undefined;
  for (const [i, { via, letters: fitting, from, to, isOptional, inner, until }] of stages.entries()) {
    const name = `stage${i}`;
    const added: Pattern<Row> = built === undefined ? Pattern.begin<Row>(name) : built[via as 'next'](name);
    let pattern = added.where((row) => fitting.includes(row.letter));
    if (to === Infinity) pattern = pattern.timesOrMore(from);
    else if (to > 1) pattern = pattern.times(from, to);
    if (to > 1 && inner !== 'next') pattern = inner === 'strict' ? pattern.consecutive() : pattern.allowCombinations();
    if (isOptional) pattern = pattern.optional();
    if (until !== '') pattern = pattern.until((row) => until.includes(row.letter));
    built = pattern;
  }
  return withinMs === 0 ? built! : built!.within(withinMs);
}

function shown(match: PatternMatch<Row>, timestampMs: number): string {
  const rows = Object.values(match).flat();
  return `${rows[0]!.key} ${rows.map(({ number }) => number).join(' ')} @${timestampMs}`;
}

/** Matches by the step that brings the watermark to their last record; the last entry is for the end of time. */
function oracle(steps: readonly KeyedStep[], { stages, withinMs }: TestedPattern): string[][] {
  const outputs: string[][] = Array.from({ length: steps.length + 1 }, () => []);
  const watermarkAfter: number[] = [];
  const inTime: Row[] = [];
  let watermarkMs = 1000;
  for (const [number, step] of steps.entries()) {
    if (step.do === 'advance') watermarkMs += step.byMs;
    else if (step.do === 'record' && step.timestampMs > watermarkMs) {
      inTime.push({ key: step.key, letter: letterOf(step.value), number, at: step.timestampMs });
    }
    watermarkAfter.push(watermarkMs);
  }
  for (const [key, rows] of Map.groupBy(inTime, (row) => row.key)) {
    const inOrder = rows.toSorted((a, b) => a.at - b.at);
    const records = inOrder.map(({ letter, at }) => ({ letter, timestampMs: at }));
    for (const match of bruteForceMatches(stages, records, withinMs)) {
      const lastMs = inOrder[match.at(-1)!]!.at;
      const step = watermarkAfter.findIndex((ms) => ms >= lastMs);
      outputs.at(step)!.push(`${key} ${match.map((i) => inOrder[i]!.number).join(' ')} @${lastMs}`);
    }
  }
  return outputs.map((texts) => texts.toSorted());
}

async function replay(
  steps: readonly KeyedStep[],
  tested: TestedPattern,
  backend: TestBackendKind,
): Promise<string[][]> {
  const create = (): CepOperator<Row, string> =>
    new CepOperator<Row, string>({
      pattern: patternOf(tested),
      schema: Row,
      timeDomain: 'eventTime',
      comparator: undefined,
      lateTag: undefined,
      timedOutTag: undefined,
      logic: { processMatch: (match, context, out) => out.collect(shown(match, context.timestamp)) },
    });
  const harness = await keyedOneInputHarness(create, (row: Row) => row.key, { backend });
  const outputs: string[][] = [];
  const take = (): void => {
    const texts = harness.takeOutput().flatMap((element) => ('value' in element ? [element.value] : []));
    outputs.push(texts.toSorted());
  };
  let watermarkMs = 1000;
  await harness.processWatermark(watermarkMs);
  for (const [number, step] of steps.entries()) {
    if (step.do === 'record') {
      const { key, timestampMs, value } = step;
      harness.processElement({ key, letter: letterOf(value), number, at: timestampMs }, timestampMs);
    } else {
      if (step.do === 'advance') watermarkMs += step.byMs;
      else await harness.initializeState(await harness.snapshot());
      await harness.processWatermark(watermarkMs);
    }
    take();
  }
  await harness.processWatermark(watermarkMs + 1_000_000);
  take();
  if (tested.withinMs > 0) {
    expect(harness.numEventTimeTimers()).toBe(0);
    expect(harness.numKeyedStateEntries()).toBe(0);
  }
  await harness.close();
  return outputs;
}

const steps = keyedSteps({ spreadMs: 40, advanceMaxMs: 25 });

for (const backend of TEST_BACKENDS) {
  test(`what matches is what the pattern's definition says, when the watermark is there (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(steps, anyPattern, async (input, tested) => {
        expect(await replay(input, tested, backend)).toEqual(oracle(input, tested));
      }),
      { numRuns: 400 },
    );
  });
}

function jobOf(tested: TestedPattern) {
  return defineJob({
    name: 'patterns',
    params: {},
    build(env) {
      const strategy = WatermarkStrategy.noWatermarks<Row>().withTimestamp(({ at }) => at);
      env
        .fromSource(collectionSource<Row>([]), 'rows', strategy)
        .keyBy(({ key }) => key)
        .pattern(patternOf(tested), { uid: 'matches', schema: Row })
        .select((match, context) => shown(match, context.timestamp))
        .sinkTo(collectSink({}), { uid: 'out' });
    },
  });
}

test('a pattern in a job matches the same, restored again and again at another parallelism', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 3 });
  await fc.assert(
    fc.asyncProperty(steps, anyPattern, sizes, async (input, tested, parallelisms) => {
      const driver = await testJob(jobOf(tested), { parallelism: parallelisms[0], cacheBytes: 1 });
      const rows = driver.source<Row>('rows');
      let watermarkMs = 1000;
      rows.watermark(watermarkMs);
      const expected = oracle(input, tested);
      let restores = 0;
      for (const [number, step] of input.entries()) {
        if (step.do === 'record') {
          rows.push({ key: step.key, letter: letterOf(step.value), number, at: step.timestampMs });
        } else {
          if (step.do === 'advance') watermarkMs += step.byMs;
          else {
            await driver.snapshot();
            await driver.restore({ parallelism: parallelisms[++restores % parallelisms.length] });
          }
          rows.watermark(watermarkMs);
        }
        // Fetching state takes turns.
        await driver.settle();
        expect(driver.sink<string>('out').take().toSorted()).toEqual(expected[number]);
      }
      await driver.close();
    }),
    { numRuns: 30 },
  );
});
