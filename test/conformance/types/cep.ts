import { OutputTag } from '../../../engine/task/output-tag.ts';
import { NO_TIMESTAMP } from '../../../engine/time/timestamps.ts';
import { AfterMatchSkipStrategy } from '../../../operators/cep/after-match-skip-strategy.ts';
import { CepOperator } from '../../../operators/cep/cep-operator.ts';
import { Pattern } from '../../../operators/cep/pattern.ts';
import { string } from '../../../state/schema/scalars.ts';
import { keyedOneInputHarness } from '../../harness/operators/operator-harness.ts';
import { NotCovered, type VectorType } from '../observed.ts';
import { timeMs } from '../vector.ts';

/** Records are labels: a name, and what follows it. */
const nameOf = (label: string): string =>
  label.includes(':') ? label.slice(0, label.indexOf(':')) : label.replace(/[^A-Za-z].*/, '');
const isNamed = (name: string) => (label: string) => nameOf(label) === name;
const volumeOf = (label: string): number => (label.startsWith('m') ? 10 : label.startsWith('n') ? 2 : 0);

const a = Pattern.begin<string>('a');
const PATTERNS: Readonly<Record<string, Pattern<string>>> = {
  'begin(start) followedBy(end), no conditions': a.followedBy('b'),
  'begin(name==a) next(name==b)': a.where(isNamed('a')).next('b').where(isNamed('b')),
  'begin(name==a).times(3), noSkip': a.where(isNamed('a')).times(3),
  'begin(name==a).times(3), skipPastLastEvent': Pattern.begin<string>('a', AfterMatchSkipStrategy.skipPastLastEvent())
    .where(isNamed('a'))
    .times(3),
  'begin(name==c) followedBy(name==a).oneOrMore().optional() followedBy(name==b)': a
    .where(isNamed('c'))
    .followedBy('b')
    .where(isNamed('a'))
    .oneOrMore()
    .optional()
    .followedBy('c')
    .where(isNamed('b')),
  'begin(name==c) followedByAny(name==a).times(2).consecutive() followedBy(name==b)': a
    .where(isNamed('c'))
    .followedByAny('b')
    .where(isNamed('a'))
    .times(2)
    .consecutive()
    .followedBy('c')
    .where(isNamed('b')),
  'begin(a) notNext(b) followedByAny(c) followedBy(d)': a
    .where(isNamed('a'))
    .notNext('b')
    .where(isNamed('b'))
    .followedByAny('c')
    .where(isNamed('c'))
    .followedBy('d')
    .where(isNamed('d')),
  'begin(a) notFollowedBy(b) followedByAny(c) followedBy(d)': a
    .where(isNamed('a'))
    .notFollowedBy('b')
    .where(isNamed('b'))
    .followedByAny('c')
    .where(isNamed('c'))
    .followedBy('d')
    .where(isNamed('d')),
  'begin(start) followedByAny(middle) followedByAny(end) within 10 ms (FIRST_AND_LAST)': a
    .where(isNamed('start'))
    .followedByAny('b')
    .where(isNamed('middle'))
    .followedByAny('c')
    .where(isNamed('end'))
    .within(10),
  'begin(start) followedByAny(volume>5) followedByAny(name==next-one) followedBy(Any)(end); all followedByAny': a
    .where(isNamed('start'))
    .followedByAny('b')
    .where((label) => volumeOf(label) > 5)
    .followedByAny('c')
    .where((label) => label.startsWith('n'))
    .followedByAny('d')
    .where(isNamed('end')),
};

const TIMED_OUT = new OutputTag<unknown>('timed-out');

/** Time goes to each record's own before it, so the watermark stands one below. */
export const cep: VectorType = async (vector, observed, backend) => {
  const pattern = PATTERNS[vector.operator['pattern'] as string];
  if (pattern === undefined) throw new NotCovered(`pattern ${String(vector.operator['pattern'])}`);
  const harness = await keyedOneInputHarness(
    () =>
      new CepOperator<string, unknown>({
        pattern,
        schema: string(),
        timeDomain: 'eventTime',
        comparator: undefined,
        lateTag: undefined,
        timedOutTag: undefined,
        logic: {
          processMatch: (match, _context, out) => out.collect({ match: Object.values(match).flat() }),
          processTimedOutMatch: (match, context) =>
            context.output(TIMED_OUT, { timeout: Object.values(match).flat(), at: context.timestamp }),
        },
      }),
    () => 'key',
    { backend },
  );
  const observe = (): void => {
    for (const element of [...harness.takeOutput(), ...harness.takeSideOutput(TIMED_OUT)]) {
      if ('value' in element) observed.emit(element.value as Readonly<Record<string, unknown>>);
    }
  };
  return {
    async step(step) {
      if (step.t !== 'rec') throw new NotCovered(`step ${step.t}`);
      const stepTimeMs = timeMs(step.ts);
      const atMs = Object.is(stepTimeMs, NO_TIMESTAMP) ? observed.step : stepTimeMs;
      await harness.processWatermark(atMs - 1);
      harness.processElement(step.value, atMs);
      observe();
    },
    async end() {
      await harness.processWatermark(Number.MAX_SAFE_INTEGER);
      observe();
    },
    close: () => harness.close(),
  };
};
