import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';
import { AfterMatchSkipStrategy } from './after-match-skip-strategy.ts';
import { and, or, type PatternCondition, testOf } from './condition.ts';
import {
  type Contiguity,
  isNegative,
  type PatternDefinition,
  shownStage,
  type Stage,
  stageNames,
  stageOf,
  type WithinType,
} from './stage.ts';

/**
 * A sequence of records to look for in the records of a key: stages with conditions, how each follows the one before, how
 * often it may occur. Every method returns a new pattern; all but `begin`, `next` and the like change the last stage.
 *
 *     Pattern.begin<Click>('first')
 *       .where((click) => click.isMobile)
 *       .followedBy('more')
 *       .where((click, context) => click.campaign === context.eventsForPattern('first')[0]!.campaign)
 *       .timesOrMore(3)
 *       .within('10m')
 *
 * @typeParam F the records that fit the last stage; see `subtype`.
 * @typeParam N names of the stages.
 */
export class Pattern<T, F extends T = T, N extends string = string> implements PatternDefinition {
  readonly stages: readonly Stage[];
  readonly afterMatchSkip: AfterMatchSkipStrategy;
  /** Only for the type: what the last stage's conditions take. */
  declare protected readonly fits: (event: F) => N;

  private constructor(stages: readonly Stage[], afterMatchSkip: AfterMatchSkipStrategy) {
    this.stages = stages;
    this.afterMatchSkip = afterMatchSkip;
  }

  /** A pattern of one stage, or of one group: a whole pattern that can be quantified and followed as one. */
  static begin<T, N extends string = string>(name: N, afterMatchSkip?: AfterMatchSkipStrategy): Pattern<T, T, N>;
  static begin<T, F extends T, N extends string>(
    group: Pattern<T, F, N>,
    afterMatchSkip?: AfterMatchSkipStrategy,
  ): Pattern<T, T, N>;
  static begin<T>(
    first: string | PatternDefinition,
    afterMatchSkip: AfterMatchSkipStrategy = AfterMatchSkipStrategy.noSkip(),
  ): Pattern<T> {
    return new Pattern<T>([], afterMatchSkip).#add(first, 'strict');
  }

  /** Adds a condition that must hold too. */
  where(condition: PatternCondition<F, T>): Pattern<T, F, N> {
    const own = this.#conditionedStage('where').condition;
    const added = testOf(checkedCondition(condition));
    return this.#change({ condition: own === undefined ? added : and(own, added) });
  }

  /** Adds a condition that may hold instead of the ones before it. */
  or(condition: PatternCondition<F, T>): Pattern<T, F, N> {
    const own = this.#conditionedStage('or').condition;
    const added = testOf(checkedCondition(condition));
    return this.#change({ condition: own === undefined ? added : or(own, added) });
  }

  /** Only records of a narrower type, which later conditions of this stage then see. */
  subtype<S extends F>(guard: (event: F) => event is S): Pattern<T, S, N> {
    const own = this.#conditionedStage('subtype').condition;
    const added = testOf(checkedCondition(guard as PatternCondition<F, T>));
    return this.#change({ condition: own === undefined ? added : and(own, added) }) as Pattern<T, F, N> as never;
  }

  /** Ends a loop: once the condition holds for a record, the stage takes neither it nor any later one. */
  until(condition: PatternCondition<F, T>): Pattern<T, F, N> {
    const stage = this.#last;
    if (stage.until !== undefined) throw malformed(`${shownStage(stage)} has an until condition already`);
    if (stage.quantifier !== 'looping') {
      throw malformed(
        `until ends a loop, but ${shownStage(stage)} is none`,
        'Call oneOrMore() or timesOrMore(n) first.',
      );
    }
    return this.#change({ until: testOf(checkedCondition(condition)) });
  }

  /** The very next record must fit. */
  next<M extends string>(name: M): Pattern<T, T, N | M>;
  next<G extends T, M extends string>(group: Pattern<T, G, M>): Pattern<T, T, N | M>;
  next(following: string | PatternDefinition): Pattern<T, T, never> {
    return this.#add(following, 'strict');
  }

  /** The next record that fits; others in between are passed over. */
  followedBy<M extends string>(name: M): Pattern<T, T, N | M>;
  followedBy<G extends T, M extends string>(group: Pattern<T, G, M>): Pattern<T, T, N | M>;
  followedBy(following: string | PatternDefinition): Pattern<T, T, never> {
    return this.#add(following, 'skipTillNext');
  }

  /** Any later record that fits: each gives a match of its own. */
  followedByAny<M extends string>(name: M): Pattern<T, T, N | M>;
  followedByAny<G extends T, M extends string>(group: Pattern<T, G, M>): Pattern<T, T, N | M>;
  followedByAny(following: string | PatternDefinition): Pattern<T, T, never> {
    return this.#add(following, 'skipTillAny');
  }

  /** The very next record must not fit. */
  notNext(name: string): Pattern<T, T, N> {
    this.#refuseOptionalBeforeNot('notNext', name);
    return this.#add(name, 'notNext');
  }

  /** No record may fit before the next stage begins; as the last stage, before the time of `within` is over. */
  notFollowedBy(name: string): Pattern<T, T, N> {
    this.#refuseOptionalBeforeNot('notFollowedBy', name);
    return this.#add(name, 'notFollow');
  }

  /** The stage may be left out. */
  optional(): Pattern<T, F, N> {
    const stage = this.#last;
    const previous = this.stages.at(-2);
    if (previous?.isGreedy === true) {
      throw malformed(`${shownStage(stage)} cannot be optional: ${shownStage(previous)} before it is greedy`);
    }
    if (stage.isOptional) throw malformed(`${shownStage(stage)} is optional already`);
    this.#refuseNegative('optional()');
    return this.#change({ isOptional: true });
  }

  oneOrMore(): Pattern<T, F, N> {
    return this.#quantify('oneOrMore()', { quantifier: 'looping' });
  }

  /** @param count a positive integer. */
  timesOrMore(count: number): Pattern<T, F, N> {
    return this.#quantify(`timesOrMore(${count})`, { quantifier: 'looping', from: count, to: count });
  }

  /** Exactly `from` times, or `from` to `to` times; `times(0, n)` is optional. */
  times(from: number, to?: number): Pattern<T, F, N> {
    const shown = to === undefined ? `times(${from})` : `times(${from}, ${to})`;
    const isOptional = from === 0 && to !== undefined;
    const atLeast = isOptional ? 1 : from;
    return this.#quantify(shown, { quantifier: 'times', from: atLeast, to: to ?? from, isOptional });
  }

  /** Takes as many records as fit: a following stage gets none of those that this one could have taken. */
  greedy(): Pattern<T, F, N> {
    const stage = this.#last;
    this.#refuseNegative('greedy()');
    if (stage.group !== undefined) throw malformed('greedy() does not apply to a group');
    if (stage.innerContiguity === 'skipTillAny') {
      throw malformed(`${shownStage(stage)} has allowCombinations(), which greedy() does not go with`);
    }
    if (stage.quantifier === 'one') throw notQuantified('greedy()', stage);
    return this.#change({ isGreedy: true });
  }

  /** The records of a quantified stage must follow each other directly. */
  consecutive(): Pattern<T, F, N> {
    return this.#innerContiguity('consecutive()', 'strict');
  }

  /** Between the records of a quantified stage others that fit may be passed over: all combinations match. */
  allowCombinations(): Pattern<T, F, N> {
    return this.#innerContiguity('allowCombinations()', 'skipTillAny');
  }

  /**
   * How much time may pass: a match of which the last record comes `duration` or more after the first (or a record after the
   * one before it) is none. The smallest limit between first and last holds for the whole pattern; one between neighbours
   * for the stage it is said of.
   */
  within(duration: Duration, type: WithinType = 'firstAndLast'): Pattern<T, F, N> {
    const ms = durationMs(duration);
    if (!(ms > 0)) throw malformed(`the time of within(...) must be positive, found ${ms} ms`);
    return this.#change(type === 'firstAndLast' ? { firstAndLastMs: ms } : { previousAndCurrentMs: ms });
  }

  get #last(): Stage {
    return this.stages.at(-1)!;
  }

  #add<M extends string>(following: string | PatternDefinition, contiguity: Contiguity): Pattern<T, T, M> {
    const stage =
      typeof following === 'string'
        ? stageOf(following, undefined, contiguity)
        : stageOf(undefined, following.stages, contiguity);
    const known = new Set(stageNames(this.stages));
    for (const name of stageNames([stage])) {
      if (typeof name !== 'string' || name === '') {
        throw malformed(`the name of a stage must be a non-empty string, found ${JSON.stringify(name)}`);
      }
      if (known.has(name)) throw malformed(`two stages are called '${name}'`, 'Give each stage a name of its own.');
      known.add(name);
    }
    return new Pattern<T, T, M>([...this.stages, stage], this.afterMatchSkip);
  }

  #change(change: Partial<Stage>): Pattern<T, F, N> {
    return new Pattern<T, F, N>([...this.stages.slice(0, -1), { ...this.#last, ...change }], this.afterMatchSkip);
  }

  #conditionedStage(method: string): Stage {
    const stage = this.#last;
    if (stage.group !== undefined) {
      throw malformed(`${method}(...) does not apply to a group`, 'Put conditions on the stages in it.');
    }
    return stage;
  }

  #quantify(method: string, quantity: Partial<Stage>): Pattern<T, F, N> {
    const stage = this.#last;
    this.#refuseNegative(method);
    if (stage.quantifier !== 'one') throw malformed(`${shownStage(stage)} has a quantifier already, found ${method}`);
    if (stage.isOptional) {
      throw malformed(`${method} came after optional() on ${shownStage(stage)}`, `Write ${method}.optional().`);
    }
    const { from = 1, to = from } = quantity;
    if (!(Number.isInteger(from) && from > 0 && Number.isInteger(to) && to >= from)) {
      throw malformed(`${method} on ${shownStage(stage)}: expected positive integers, the second not below the first`);
    }
    return this.#change(quantity);
  }

  #innerContiguity(method: string, inner: 'strict' | 'skipTillAny'): Pattern<T, F, N> {
    const stage = this.#last;
    if (stage.quantifier === 'one') throw notQuantified(method, stage);
    if (stage.innerContiguity === inner) throw malformed(`${shownStage(stage)} has ${method} already`);
    if (stage.innerContiguity !== 'skipTillNext') {
      throw malformed(`${shownStage(stage)} can be consecutive() or allowCombinations(), not both`);
    }
    if (stage.isGreedy && inner === 'skipTillAny') {
      throw malformed(`${shownStage(stage)} is greedy(), which allowCombinations() does not go with`);
    }
    return this.#change({ innerContiguity: inner });
  }

  #refuseNegative(method: string): void {
    const stage = this.#last;
    if (isNegative(stage)) throw malformed(`${method} does not apply to ${shownStage(stage)}, which must not occur`);
  }

  #refuseOptionalBeforeNot(method: string, name: string): void {
    const stage = this.#last;
    if (!stage.isOptional) return;
    throw malformed(
      `${method}('${name}') comes after ${shownStage(stage)}, which is optional`,
      'Use two patterns, one with and one without the optional stage.',
    );
  }
}

/** @throws UserError JOB_DEFINITION when it is not a function. */
function checkedCondition<C>(condition: C): C {
  if (typeof condition === 'function') return condition;
  throw malformed(`a condition must be a function, found ${String(condition)}`);
}

function notQuantified(method: string, stage: Stage): UserError {
  return malformed(
    `${method} needs a stage that may occur several times, found ${shownStage(stage)}`,
    'Call oneOrMore(), timesOrMore(n) or times(n) first.',
  );
}

function malformed(message: string, hint?: string): UserError {
  return new UserError('JOB_DEFINITION', message, { hint });
}
