import { OutputTag } from '../../../engine/task/output-tag.ts';
import { AfterMatchSkipStrategy } from '../../../operators/cep/after-match-skip-strategy.ts';
import { CepOperator } from '../../../operators/cep/cep-operator.ts';
import type { PatternCondition } from '../../../operators/cep/condition.ts';
import { Pattern } from '../../../operators/cep/pattern.ts';
import type { PatternMatch } from '../../../operators/cep/pattern-match.ts';
import { MAX_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';
import { string } from '../../../state/schema/scalars.ts';
import { PAGED_BACKEND, type TestBackendKind } from '../../harness/operators/backends.ts';
import { keyedOneInputHarness } from '../../harness/operators/operator-harness.ts';

/** Fits labels that begin with one of the letters; with `seen`, while that stage has taken fewer than `max` records. */
interface CaseCondition {
  readonly letters: string;
  readonly seen?: string | undefined;
  readonly max?: number | undefined;
}

/** A stage or group as data. Methods are called in the order of the fields. */
interface CaseStage {
  readonly via: 'begin' | 'next' | 'followedBy' | 'followedByAny' | 'notNext' | 'notFollowedBy';
  readonly name?: string | undefined;
  readonly group?: readonly CaseStage[] | undefined;
  readonly where?: CaseCondition | undefined;
  readonly or?: CaseCondition | undefined;
  /** `oneOrMore`, `times:2`, `times:1:3`, `timesOrMore:2`. */
  readonly quant?: string | undefined;
  readonly inner?: 'consecutive' | 'allowCombinations' | undefined;
  readonly greedy?: true | undefined;
  readonly optional?: true | undefined;
  readonly until?: CaseCondition | undefined;
  readonly within?: number | undefined;
  readonly withinPrevious?: number | undefined;
}

export interface PatternCase {
  readonly stages: readonly CaseStage[];
  /** `noSkip`, `skipToFirst:NAME` and so on. */
  readonly skip: string;
  /** Label (a letter and a number) and time, in the order of time. */
  readonly events: readonly (readonly [label: string, timestampMs: number])[];
}

/** What comes out: records as `STAGE=LABEL`, in the pattern's order. */
export interface CaseAnswer {
  readonly matches: readonly (readonly [time: number, ...records: string[]])[];
  readonly timeouts: readonly (readonly [time: number, ...records: string[]])[];
}

function conditionOf({ letters, seen, max }: CaseCondition): PatternCondition<string> {
  if (seen === undefined) return (label) => letters.includes(label[0]!);
  return (label, context) => letters.includes(label[0]!) && context.eventsForPattern(seen).length < max!;
}

function skipStrategyOf(skip: string): AfterMatchSkipStrategy {
  const [kind, name] = skip.split(':');
  switch (kind) {
    case 'skipToNext':
      return AfterMatchSkipStrategy.skipToNext();
    case 'skipPastLastEvent':
      return AfterMatchSkipStrategy.skipPastLastEvent();
    case 'skipToFirst':
      return AfterMatchSkipStrategy.skipToFirst(name!);
    case 'skipToLast':
      return AfterMatchSkipStrategy.skipToLast(name!);
    default:
      return AfterMatchSkipStrategy.noSkip();
  }
}

function patternOf(stages: readonly CaseStage[], skip: AfterMatchSkipStrategy): Pattern<string> {
  let pattern: Pattern<string> | undefined;
  for (const stage of stages) pattern = quantified(added(pattern, stage, skip), stage);
  return pattern!;
}

function added(
  before: Pattern<string> | undefined,
  { via, name, group, where, or }: CaseStage,
  skip: AfterMatchSkipStrategy,
): Pattern<string> {
  if (group !== undefined) {
    const inner = patternOf(group, AfterMatchSkipStrategy.noSkip());
    if (before === undefined) return Pattern.begin(inner, skip);
    return before[via as 'next' | 'followedBy' | 'followedByAny'](inner);
  }
  let pattern = before === undefined ? Pattern.begin<string>(name!, skip) : before[via as 'next' | 'notNext'](name!);
  if (where !== undefined) pattern = pattern.where(conditionOf(where));
  return or === undefined ? pattern : pattern.or(conditionOf(or));
}

function quantified(before: Pattern<string>, stage: CaseStage): Pattern<string> {
  let pattern = before;
  if (stage.quant !== undefined) {
    const [kind, from, to] = stage.quant.split(':');
    if (kind === 'oneOrMore') pattern = pattern.oneOrMore();
    else if (kind === 'timesOrMore') pattern = pattern.timesOrMore(Number(from));
    else pattern = to === undefined ? pattern.times(Number(from)) : pattern.times(Number(from), Number(to));
  }
  if (stage.inner !== undefined) pattern = pattern[stage.inner]();
  if (stage.greedy) pattern = pattern.greedy();
  if (stage.optional) pattern = pattern.optional();
  if (stage.until !== undefined) pattern = pattern.until(conditionOf(stage.until));
  if (stage.within !== undefined) pattern = pattern.within(stage.within);
  if (stage.withinPrevious !== undefined) pattern = pattern.within(stage.withinPrevious, 'previousAndCurrent');
  return pattern;
}

/** The records of a match with their stages, in pattern order. */
function shown(match: PatternMatch<string>): string[] {
  return Object.entries(match).flatMap(([name, labels]) => labels.map((label) => `${name}=${label}`));
}

const TIMED_OUT = new OutputTag<PatternMatch<string>>('timed-out');

function cepOperatorOf({ stages, skip }: Pick<PatternCase, 'stages' | 'skip'>): CepOperator<string, string[]> {
  return new CepOperator<string, string[]>({
    pattern: patternOf(stages, skipStrategyOf(skip)),
    schema: string(),
    timeDomain: 'eventTime',
    comparator: undefined,
    lateTag: undefined,
    timedOutTag: TIMED_OUT,
    logic: { processMatch: (match, _context, out) => out.collect(shown(match)) },
  });
}

/** When the watermark comes: up to each record before it, the same with a restore after it, or for all at the end. */
export type CasePace = 'record by record' | 'restored after every record' | 'all at once';

/** Asks our operator. */
export async function answerCase(
  input: PatternCase,
  backend: TestBackendKind = PAGED_BACKEND,
  pace: CasePace = 'record by record',
): Promise<CaseAnswer> {
  const harness = await keyedOneInputHarness(
    () => cepOperatorOf(input),
    () => 'key',
    { backend },
  );
  for (const [label, timestampMs] of input.events) {
    if (pace !== 'all at once') await harness.processWatermark(timestampMs - 1);
    harness.processElement(label, timestampMs);
    if (pace === 'restored after every record') await harness.initializeState(await harness.snapshot());
  }
  await harness.processWatermark(MAX_TIMESTAMP_MS);
  const matches = harness.takeOutput().flatMap((element) => ('value' in element ? [element] : []));
  const timeouts = harness.takeSideOutput(TIMED_OUT);
  const leftOver = harness.numKeyedStateEntries() + harness.numEventTimeTimers();
  await harness.close();
  if (input.stages.some((stage) => stage.within !== undefined) && leftOver !== 0) {
    throw new Error(`${leftOver} keys or timers are left over`);
  }
  return {
    matches: matches.map(({ value, timestampMs }) => [timestampMs, ...value]),
    timeouts: timeouts.map(({ value, timestampMs }) => [timestampMs, ...shown(value)]),
  };
}
