import { UserError } from '../../engine/base/errors.ts';
import type { AfterMatchSkipStrategy } from './after-match-skip-strategy.ts';
import { isNegative, shownStage, type Stage, stageNames } from './stage.ts';

/** The smallest limit between first and last record of all stages, milliseconds; 0 is none. */
export function windowOf(stages: readonly Stage[]): number {
  let windowMs = Infinity;
  for (const stage of stages) {
    const innerMs = stage.group === undefined ? 0 : windowOf(stage.group);
    windowMs = Math.min(windowMs, stage.firstAndLastMs ?? Infinity, innerMs === 0 ? Infinity : innerMs);
  }
  return windowMs === Infinity ? 0 : windowMs;
}

/** @throws UserError JOB_DEFINITION for a pattern that cannot be matched as it is meant. */
export function checkPattern(stages: readonly Stage[], skip: AfterMatchSkipStrategy): void {
  const windowMs = windowOf(stages);
  checkStages(stages, windowMs);
  checkEnd(stages, windowMs);
  if (skip.stageName !== undefined && !stageNames(stages).includes(skip.stageName)) {
    throw new UserError(
      'JOB_DEFINITION',
      `the pattern has no stage '${skip.stageName}', which its after-match skip strategy skips to`,
      { hint: `Its stages are ${stageNames(stages).join(', ')}.` },
    );
  }
}

function checkStages(stages: readonly Stage[], windowMs: number): void {
  for (const stage of stages) {
    const { previousAndCurrentMs, group } = stage;
    if (previousAndCurrentMs !== undefined) {
      if (stage.quantifier !== 'one' || group !== undefined) {
        throw new UserError(
          'JOB_DEFINITION',
          `${shownStage(stage)} has a time limit between neighbours, which only a stage of a single record can have`,
          { hint: `Use within(duration) between the first and the last record.` },
        );
      }
      if (windowMs > 0 && previousAndCurrentMs > windowMs) {
        throw new UserError(
          'JOB_DEFINITION',
          `${shownStage(stage)} allows ${previousAndCurrentMs} ms since the record before it, more than the ${windowMs} ms of the whole match`,
        );
      }
    }
    if (group === undefined) continue;
    if (stage.quantifier === 'looping' && group.every(canBeEmpty)) {
      throw new UserError('JOB_DEFINITION', 'a group that may occur several times can match without any record', {
        hint: 'Make one of its stages not optional.',
      });
    }
    checkStages(group, windowMs);
  }
}

/** A `notFollowedBy` at the end is decided by time alone; so it needs a limit, and must be at the very end. */
function checkEnd(stages: readonly Stage[], windowMs: number): void {
  for (const [i, stage] of stages.entries()) {
    const isLast = i === stages.length - 1;
    if (stage.group !== undefined) {
      if (!isLast || stage.quantifier !== 'one') checkNoOpenEnd(stage.group);
      else checkEnd(stage.group, windowMs);
    } else if (
      isLast &&
      stage.contiguity === 'notFollow' &&
      windowMs === 0 &&
      stage.previousAndCurrentMs === undefined
    ) {
      throw new UserError(
        'JOB_DEFINITION',
        `notFollowedBy('${stage.name}') is the last stage of a pattern without time limit`,
        {
          hint: 'Add within(duration): when it is over without such a record, the pattern has matched.',
        },
      );
    }
  }
}

function checkNoOpenEnd(group: readonly Stage[]): void {
  const last = group.at(-1)!;
  if (last.contiguity === 'notFollow') {
    throw new UserError(
      'JOB_DEFINITION',
      `notFollowedBy('${last.name}') is the last stage of a group that is not the end`,
      {
        hint: 'Put it after the group, or a stage after it.',
      },
    );
  }
  for (const stage of group) if (stage.group !== undefined) checkNoOpenEnd(stage.group);
}

/** Whether a pattern can go past the stage without taking a record. */
function canBeEmpty(stage: Stage): boolean {
  return stage.isOptional || isNegative(stage) || stage.group?.every(canBeEmpty) === true;
}
