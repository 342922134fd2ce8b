import { expect, test } from 'vitest';
import { OutputTag } from '../../../engine/task/output-tag.ts';
import { MAX_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';
import { AfterMatchSkipStrategy } from '../../../operators/cep/after-match-skip-strategy.ts';
import { CepOperator, type CepOperatorOptions } from '../../../operators/cep/cep-operator.ts';
import { Pattern } from '../../../operators/cep/pattern.ts';
import type { PatternMatch } from '../../../operators/cep/pattern-match.ts';
import { string } from '../../../state/schema/scalars.ts';
import { ORACLE_BACKEND, TEST_BACKENDS } from '../../harness/operators/backends.ts';
import { keyedOneInputHarness, type OperatorHarness } from '../../harness/operators/operator-harness.ts';

/** Records are a key, a letter and a number: `k.a1`. */
const is = (letter: string) => (text: string) => text[2] === letter;
const keyOf = (text: string): string => text[0]!;

function operator(
  pattern: Pattern<string>,
  options: Partial<CepOperatorOptions<string, string>> = {},
): () => CepOperator<string, string> {
  return () =>
    new CepOperator<string, string>({
      pattern,
      schema: string(),
      timeDomain: 'eventTime',
      comparator: undefined,
      lateTag: undefined,
      timedOutTag: undefined,
      logic: {
        processMatch: (match, { timestamp }, out) =>
          out.collect(`${Object.values(match).flat().join(' ')} @${timestamp}`),
      },
      ...options,
    });
}

function taken(harness: OperatorHarness<string>): string[] {
  return harness.takeOutput().flatMap((element) => ('value' in element ? [element.value] : []));
}

const ab = Pattern.begin<string>('a').where(is('a')).followedBy('b').where(is('b'));

for (const backend of TEST_BACKENDS) {
  test(`records wait for the watermark, are looked at by time, and late ones go aside (${backend.name})`, async () => {
    const lateTag = new OutputTag<string>('late');
    const harness = await keyedOneInputHarness(operator(ab, { lateTag }), keyOf, { backend });
    harness.processElement('k.b1', 20);
    harness.processElement('k.a2', 10);
    expect(taken(harness)).toEqual([]);
    await harness.processWatermark(15);
    harness.processElement('k.a3', 15);
    await harness.processWatermark(20);
    expect(taken(harness)).toEqual(['k.a2 k.b1 @20']);
    expect(harness.takeSideOutput(lateTag)).toMatchObject([{ value: 'k.a3', timestampMs: 15 }]);
    await harness.close();
  });

  test(`a time limit: partial matches come out when it is over, and nothing is left (${backend.name})`, async () => {
    const timedOutTag = new OutputTag<PatternMatch<string>>('timed-out');
    const harness = await keyedOneInputHarness(operator(ab.within(10), { timedOutTag }), keyOf, { backend });
    harness.processElement('k.a1', 1);
    harness.processElement('k.a2', 5);
    harness.processElement('l.a3', 5);
    await harness.processWatermark(5);
    expect(harness.numEventTimeTimers()).toBe(2);
    await harness.processWatermark(12);
    harness.processElement('k.b4', 13);
    harness.processElement('l.b5', 15);
    await harness.initializeState(await harness.snapshot());
    await harness.processWatermark(100);
    expect(taken(harness)).toEqual(['k.a2 k.b4 @13']);
    expect(harness.takeSideOutput(timedOutTag).map(({ value, timestampMs }) => [value, timestampMs])).toEqual([
      [{ a: ['k.a1'], b: [] }, 11],
      [{ a: ['l.a3'], b: [] }, 15],
    ]);
    expect([harness.numEventTimeTimers(), harness.numKeyedStateEntries()]).toEqual([0, 0]);
    await harness.close();
  });
}

// The oracle copies all that is waiting with every record.
for (const backend of TEST_BACKENDS.filter((kind) => kind !== ORACLE_BACKEND)) {
  test(`a key may have more records waiting than are kept beside its matches (${backend.name})`, async () => {
    const harness = await keyedOneInputHarness(operator(ab), keyOf, { backend });
    const count = 2500;
    // Every second one out of order: b before its a.
    for (let i = 0; i < count; i++)
      harness.processElement(i % 2 === 0 ? `k.b${i}` : `k.a${i}`, 10 + 2 * i - (i % 2) * 3);
    await harness.processWatermark(10 + count);
    const first = taken(harness);
    await harness.initializeState(await harness.snapshot());
    await harness.processWatermark(MAX_TIMESTAMP_MS);
    const expected = Array.from({ length: count / 2 }, (_, i) => `k.a${2 * i + 1} k.b${2 * i} @${10 + 4 * i}`);
    expect(first.length).toBeGreaterThan(500);
    expect([...first, ...taken(harness)]).toEqual(expected);
    expect([harness.numEventTimeTimers(), harness.numKeyedStateEntries()]).toEqual([0, 0]);
    await harness.close();
  });
}

test('a late record without a tag is counted', async () => {
  const harness = await keyedOneInputHarness(operator(ab), keyOf);
  await harness.processWatermark(9);
  harness.processElement('k.a1', 9);
  expect((harness.operator as CepOperator<string, string>).lateRecordsDropped.value).toBe(1);
});

test('a record without timestamp is refused in event time', async () => {
  const harness = await keyedOneInputHarness(operator(ab), keyOf);
  expect(() => harness.processElement('k.a1')).toThrow(/a record without timestamp came to the pattern/);
});

test('records of one time come in the order of the comparator', async () => {
  const comparator = (x: string, y: string): number => Number(x.slice(3)) - Number(y.slice(3));
  const harness = await keyedOneInputHarness(operator(ab, { comparator }), keyOf);
  harness.processElement('k.b2', 10);
  harness.processElement('k.a1', 10);
  harness.processElement('k.a3', 10);
  await harness.processWatermark(10);
  expect(taken(harness)).toEqual(['k.a1 k.b2 @10']);
});

test('in processing time a record is looked at when it comes; time limits are timers', async () => {
  const timedOutTag = new OutputTag<PatternMatch<string>>('timed-out');
  const create = operator(ab.within(10), { timeDomain: 'processingTime', timedOutTag });
  const harness = await keyedOneInputHarness(create, keyOf);
  await harness.setProcessingTime(100);
  harness.processElement('k.a1', 7);
  await harness.setProcessingTime(105);
  harness.processElement('k.b2', 3);
  expect(harness.takeOutput()).toMatchObject([{ value: 'k.a1 k.b2 @105', timestampMs: Number.NaN }]);
  harness.processElement('k.a3');
  await harness.initializeState(await harness.snapshot());
  await harness.setProcessingTime(114);
  expect(harness.takeSideOutput(timedOutTag)).toEqual([]);
  await harness.setProcessingTime(115);
  expect(harness.takeSideOutput(timedOutTag)).toMatchObject([{ value: { a: ['k.a3'] } }]);
  expect([harness.numProcessingTimeTimers(), harness.numKeyedStateEntries()]).toEqual([0, 0]);
});

test('in processing time with a comparator records wait until their millisecond is over', async () => {
  const comparator = (x: string, y: string): number => Number(x.slice(3)) - Number(y.slice(3));
  const harness = await keyedOneInputHarness(operator(ab, { timeDomain: 'processingTime', comparator }), keyOf);
  await harness.setProcessingTime(100);
  harness.processElement('k.b2');
  harness.processElement('k.a1');
  expect(taken(harness)).toEqual([]);
  await harness.setProcessingTime(101);
  expect(taken(harness)).toEqual(['k.a1 k.b2 @100']);
});

test('a pattern that ends in notFollowedBy matches when its time is over', async () => {
  const pattern = Pattern.begin<string>('a').where(is('a')).notFollowedBy('b').where(is('b')).within(10);
  const harness = await keyedOneInputHarness(operator(pattern), keyOf);
  harness.processElement('k.a1', 1);
  harness.processElement('k.b2', 4);
  harness.processElement('k.a3', 6);
  await harness.processWatermark(15);
  expect(taken(harness)).toEqual([]);
  await harness.processWatermark(40);
  expect(taken(harness)).toEqual(['k.a3 @16']);
});

test('the limit holds wherever in the pattern it is said', async () => {
  const pattern = Pattern.begin<string>('a').where(is('a')).within(10).notFollowedBy('b').where(is('b'));
  const harness = await keyedOneInputHarness(operator(pattern), keyOf);
  harness.processElement('k.a1', 1);
  await harness.processWatermark(100);
  expect(taken(harness)).toEqual(['k.a1 @11']);
});

test('conditions see what has matched so far; one that does not is asked once per record', async () => {
  let calls = 0;
  const pattern = Pattern.begin<string>('a')
    .where((text) => {
      calls++;
      return is('a')(text);
    })
    .followedByAny('more')
    .where((text, context) => {
      expect(context.timestamp).toBe(Number(text.slice(3)));
      const before = [...context.eventsForPattern('a'), ...context.eventsForPattern('more')];
      return before.every((other) => other < text);
    })
    .times(2)
    .allowCombinations();
  const harness = await keyedOneInputHarness(operator(pattern), keyOf);
  for (let i = 1; i <= 4; i++) harness.processElement(`k.a${i}`, i);
  await harness.processWatermark(4);
  expect(taken(harness)).toEqual(['k.a1 k.a2 k.a3 @3', 'k.a1 k.a2 k.a4 @4', 'k.a1 k.a3 k.a4 @4', 'k.a2 k.a3 k.a4 @4']);
  expect(calls).toBe(4);
});

test('a condition that asks for a stage that is none says so', async () => {
  const pattern = Pattern.begin<string>('a').where((_text, context) => context.eventsForPattern('x').length === 0);
  const harness = await keyedOneInputHarness(operator(pattern), keyOf);
  harness.processElement('k.a1', 1);
  await expect(harness.processWatermark(1)).rejects.toThrow(/asked for the records of stage 'x', which is none/);
});

test('skipping to a stage that a match does not have fails when that was asked for', async () => {
  const skip = AfterMatchSkipStrategy.skipToFirst('b').throwExceptionOnMiss();
  const optional = Pattern.begin<string>('a', skip).where(is('a')).next('b').where(is('b')).optional();
  const harness = await keyedOneInputHarness(operator(optional), keyOf);
  harness.processElement('k.a1', 1);
  await expect(harness.processWatermark(1)).rejects.toThrow(/a match has no record for stage 'b'/);
  const first = Pattern.begin<string>('b', skip).where(is('b'));
  const other = await keyedOneInputHarness(operator(first), keyOf);
  other.processElement('k.b1', 1);
  await expect(other.processWatermark(1)).rejects.toThrow(/stage 'b' begins its match/);
});

test('state of another pattern is refused; other conditions and limits are not', async () => {
  let pattern = ab.within(10);
  const harness = await keyedOneInputHarness(() => operator(pattern)(), keyOf);
  harness.processElement('k.a1', 1);
  await harness.processWatermark(1);
  const snapshot = await harness.snapshot();
  pattern = Pattern.begin<string>('a').followedBy('b').where(is('c')).within(20);
  await harness.initializeState(snapshot);
  harness.processElement('k.c2', 15);
  await harness.processWatermark(15);
  expect(taken(harness)).toEqual(['k.a1 k.c2 @15']);
  pattern = ab.followedBy('c').within(20);
  await harness.initializeState(snapshot);
  await expect(harness.processWatermark(50)).rejects.toThrow(/partial matches of .* are those of another pattern/);
});

test('partial matches share what they have in common, and drop what nobody refers to', async () => {
  const pattern = Pattern.begin<string>('a').where(is('a')).followedByAny('b').where(is('b')).oneOrMore();
  const until = pattern.until(is('c')).within(1000);
  const harness = await keyedOneInputHarness(operator(until), keyOf, { backend: TEST_BACKENDS[1] });
  harness.processElement('k.a0', 1);
  for (let i = 0; i < 60; i++) harness.processElement(`k.b${i}`, 2 + i);
  await harness.processWatermark(500);
  // A loop that takes the next that fits: one chain per beginning.
  expect(taken(harness).length).toBe((60 * 61) / 2);
  const snapshot = await harness.snapshot();
  await harness.initializeState(snapshot);
  await harness.processWatermark(MAX_TIMESTAMP_MS);
  expect([harness.numEventTimeTimers(), harness.numKeyedStateEntries()]).toEqual([0, 0]);
});
