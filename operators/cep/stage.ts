import type { AfterMatchSkipStrategy } from './after-match-skip-strategy.ts';
import type { Condition } from './condition.ts';

/** How a stage follows the one before it. */
export type Contiguity =
  /** `next`: by the very next record. */
  | 'strict'
  /** `followedBy`: by the next record that fits. */
  | 'skipTillNext'
  /** `followedByAny`: by any later record that fits. */
  | 'skipTillAny'
  /** `notNext`: the very next record must not fit. */
  | 'notNext'
  /** `notFollowedBy`: no record may fit until the next stage has begun, or time is up. */
  | 'notFollow';

/** Which records a time limit lies between: the first and the last of a match, or each and the one before it. */
export type WithinType = 'firstAndLast' | 'previousAndCurrent';

/** One element of a pattern, plain data: a stage with a condition, or a group of stages. */
export interface Stage {
  /** Undefined for a group. */
  readonly name: string | undefined;
  readonly group: readonly Stage[] | undefined;
  readonly contiguity: Contiguity;
  readonly quantifier: 'one' | 'times' | 'looping';
  /** At least and, for `times`, at most so many records. */
  readonly from: number;
  readonly to: number;
  readonly isOptional: boolean;
  readonly isGreedy: boolean;
  /** How the records of a quantified stage follow each other. */
  readonly innerContiguity: 'strict' | 'skipTillNext' | 'skipTillAny';
  /** Undefined: anything fits. */
  readonly condition: Condition | undefined;
  readonly until: Condition | undefined;
  readonly firstAndLastMs: number | undefined;
  readonly previousAndCurrentMs: number | undefined;
}

/** A pattern as data. */
export interface PatternDefinition {
  readonly stages: readonly Stage[];
  readonly afterMatchSkip: AfterMatchSkipStrategy;
}

export function stageOf(name: string | undefined, group: readonly Stage[] | undefined, contiguity: Contiguity): Stage {
  return {
    name,
    group,
    contiguity,
    quantifier: 'one',
    from: 1,
    to: 1,
    isOptional: false,
    isGreedy: false,
    innerContiguity: 'skipTillNext',
    condition: undefined,
    until: undefined,
    firstAndLastMs: undefined,
    previousAndCurrentMs: undefined,
  };
}

export function isNegative(stage: Stage): boolean {
  return stage.contiguity === 'notNext' || stage.contiguity === 'notFollow';
}

/** For messages. */
export function shownStage(stage: Stage): string {
  return stage.name === undefined ? 'a group' : `stage '${stage.name}'`;
}

/** Names of the stages, those in groups included, in pattern order. */
export function stageNames(stages: readonly Stage[]): string[] {
  return stages.flatMap((stage) => (stage.group === undefined ? [stage.name!] : stageNames(stage.group)));
}
