import { javaHashCode } from '../../state/keyed/key-group.ts';
import { checkPattern, windowOf } from './check-pattern.ts';
import { ALWAYS, and, type Condition, not } from './condition.ts';
import { GraphState, type GraphStateKind, type PatternGraph } from './pattern-graph.ts';
import { isNegative, type PatternDefinition, type Stage, stageNames } from './stage.ts';

/**
 * Compiles a pattern to an automaton, from its end to its beginning: every stage becomes one or more states that lead to
 * the first state of what follows.
 *
 * @throws UserError JOB_DEFINITION for a pattern that cannot be matched as it is meant.
 */
export function compilePattern({ stages, afterMatchSkip }: PatternDefinition): PatternGraph {
  checkPattern(stages, afterMatchSkip);
  return new PatternCompiler(windowOf(stages)).compile(stages);
}

/** Where the compiler is: a stage in a list of them, which may be a group's. */
interface Place {
  readonly stages: readonly Stage[];
  readonly index: number;
  readonly group: Stage | undefined;
}

class PatternCompiler {
  readonly #windowMs: number;
  readonly #states: GraphState[] = [];
  readonly #stopStates = new Map<string, GraphState>();
  /** Groups of which not the first pass is being built. */
  readonly #laterPasses = new Set<Stage>();
  /** Copies of the states after greedy loops, from before greediness changed them: where `until` leads to. */
  readonly #beforeGreedy = new Map<GraphState, GraphState>();
  #place: Place = undefined as never;
  #following: Stage | undefined;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  compile(stages: readonly Stage[]): PatternGraph {
    const start = this.#sequence(stages, undefined, this.#state(undefined, 'final'));
    start.kind = 'start';
    return {
      states: this.#states,
      start,
      windowMs: this.#windowMs,
      stageNames: positiveNames(stages),
      fingerprint: javaHashCode(JSON.stringify(stages, shapeOnly)),
    };
  }

  get #stage(): Stage {
    return this.#place.stages[this.#place.index]!;
  }

  #sequence(stages: readonly Stage[], group: Stage | undefined, end: GraphState): GraphState {
    let next = end;
    for (let index = stages.length - 1; index >= 0; index--) {
      this.#place = { stages, index, group };
      const stage = stages[index]!;
      if (stage.contiguity === 'notFollow') next = this.#notFollow(next);
      else if (stage.contiguity === 'notNext') next = this.#notNext(next);
      else next = this.#positive(next);
      if (index > 0) this.#following = stage;
    }
    return next;
  }

  /** In the middle it is but a condition on the states around it; at the end a state that waits. */
  #notFollow(next: GraphState): GraphState {
    const stage = this.#stage;
    if (next.kind !== 'final' || (this.#windowMs === 0 && stage.previousAndCurrentMs === undefined)) return next;
    const state = this.#takingState(undefined, 'pending');
    const condition = this.#takeCondition(stage);
    state.proceed(this.#stopState(stage.name!, condition), condition);
    state.ignore(state, not(condition));
    return state;
  }

  #notNext(next: GraphState): GraphState {
    const stage = this.#stage;
    const state = this.#takingState(undefined, 'normal');
    const condition = this.#takeCondition(stage);
    // At the end the match is complete with the record that did not fit.
    if (next.kind === 'final') state.ignore(next, not(condition));
    else state.proceed(next, not(condition));
    state.proceed(this.#stopState(stage.name!, condition), condition);
    return state;
  }

  #positive(next: GraphState): GraphState {
    const stage = this.#stage;
    let first: GraphState;
    if (stage.quantifier === 'looping') {
      this.#laterPasses.add(stage);
      const loop = this.#loop(this.#withoutNots(next));
      this.#laterPasses.delete(stage);
      first = this.#times(loop, next);
    } else if (stage.quantifier === 'times') {
      first = this.#times(next, next);
    } else {
      first = this.#single(next, next, this.#takeCondition(stage), this.#ignoreCondition(), stage.isOptional);
    }
    this.#addStops(first);
    return first;
  }

  /** A chain of states for a stage that occurs `from` to `to` times; after `from` of them it may end in `proceedTo`. */
  #times(next: GraphState, proceedTo: GraphState): GraphState {
    const stage = this.#stage;
    const { from, to, until } = stage;
    this.#laterPasses.add(stage);
    const ignore = orUntil(this.#innerIgnoreCondition(), until);
    const take = and(this.#takeCondition(stage), until && not(until));
    if (stage.isGreedy && from !== to) {
      if (until !== undefined) this.#beforeGreedy.set(next, this.#copy(next));
      addCondition(next, not(take));
    }
    let first = next;
    for (let i = from; i < to; i++) {
      first = this.#single(first, proceedTo, take, ignore, true);
      this.#addStopOfFollowing(first);
    }
    for (let i = 1; i < from; i++) {
      first = this.#single(first, proceedTo, take, ignore, false);
      this.#addStopOfFollowing(first);
    }
    this.#laterPasses.delete(stage);
    return this.#single(first, proceedTo, take, this.#ignoreCondition(), stage.isOptional);
  }

  /**
   * One occurrence. An optional one has a second state, without the way past it, for records that are passed over: so every
   * way past it is gone once.
   */
  #single(
    next: GraphState,
    proceedTo: GraphState,
    take: Condition,
    ignore: Condition | undefined,
    isOptional: boolean,
  ): GraphState {
    const stage = this.#stage;
    if (stage.group !== undefined) return this.#group(stage, next, proceedTo, isOptional);
    const state = this.#takingState(stage.name, 'normal');
    const target = this.#withoutNots(next);
    state.take(target, take);
    if (isOptional) this.#proceedPast(state, proceedTo);
    if (ignore !== undefined) {
      let passing = state;
      if (isOptional || this.#isHeadOfOptionalGroup()) {
        passing = this.#state(stage.name, 'normal');
        passing.take(target, take);
        passing.ignore(passing, ignore);
        this.#addStops(passing);
      }
      state.ignore(passing, ignore);
    }
    return state;
  }

  #proceedPast(state: GraphState, proceedTo: GraphState): void {
    const { isGreedy, until } = this.#stage;
    const proceed = this.#alwaysUntil();
    if (!isGreedy || until === undefined) {
      state.proceed(proceedTo, proceed);
      return;
    }
    state.proceed(this.#beforeGreedy.get(proceedTo) ?? proceedTo, and(proceed, until));
    state.proceed(proceedTo, and(proceed, not(until)));
  }

  #group(stage: Stage, next: GraphState, proceedTo: GraphState, isOptional: boolean): GraphState {
    const proceed = this.#alwaysUntil();
    const first = this.#inGroup(stage, next);
    if (isOptional) first.proceed(proceedTo, proceed);
    return first;
  }

  #loop(next: GraphState): GraphState {
    const stage = this.#stage;
    const proceed = this.#alwaysUntil();
    if (stage.group !== undefined) {
      const back = this.#takingState(undefined, 'normal');
      const first = this.#inGroup(stage, back);
      first.proceed(next, proceed);
      back.proceed(first, proceed);
      return first;
    }
    const { until } = stage;
    const ignore = orUntil(this.#innerIgnoreCondition(), until);
    const take = and(this.#takeCondition(stage), until && not(until));
    const state = this.#takingState(stage.name, 'normal');
    if (stage.isGreedy) {
      if (until !== undefined) {
        const copy = this.#copy(next);
        state.proceed(copy, and(proceed, until));
        this.#beforeGreedy.set(next, copy);
      }
      state.proceed(next, and(proceed, until && not(until)));
      addCondition(next, not(this.#takeCondition(stage)));
    } else {
      state.proceed(next, proceed);
    }
    state.take(state, take);
    this.#addStopOfFollowing(state);
    if (ignore !== undefined) {
      const passing = this.#state(stage.name, 'normal');
      passing.take(state, take);
      passing.ignore(passing, ignore);
      state.ignore(passing, ignore);
      this.#addStopOfFollowing(passing);
    }
    return state;
  }

  #inGroup(stage: Stage, end: GraphState): GraphState {
    const place = this.#place;
    const following = this.#following;
    const first = this.#sequence(stage.group!, stage, end);
    this.#place = place;
    this.#following = following;
    return first;
  }

  /** A state in which a record is taken, or must not come: the stage's limit since the record before holds in it. */
  #takingState(stageName: string | undefined, kind: GraphStateKind): GraphState {
    const { quantifier, previousAndCurrentMs } = this.#stage;
    return this.#state(stageName, kind, quantifier === 'one' ? previousAndCurrentMs : 0);
  }

  #state(stageName: string | undefined, kind: GraphStateKind, windowMs = 0): GraphState {
    const state = new GraphState(this.#states.length, stageName, kind, windowMs);
    this.#states.push(state);
    return state;
  }

  /** One for all states that can be stopped by that stage. */
  #stopState(stageName: string, condition: Condition): GraphState {
    let state = this.#stopStates.get(stageName);
    if (state === undefined) {
      state = this.#state(undefined, 'stop');
      state.take(state, condition);
      this.#stopStates.set(stageName, state);
    }
    return state;
  }

  /** The `notFollowedBy` stages that still count where the current stage begins: optional stages do not end them. */
  #currentNots(): { readonly name: string; readonly condition: Condition }[] {
    const { stages } = this.#place;
    const nots: { readonly name: string; readonly condition: Condition }[] = [];
    for (let i = this.#place.index - 1; i >= 0; i--) {
      const previous = stages[i]!;
      if (previous.contiguity === 'notFollow') {
        nots.push({ name: previous.name!, condition: this.#takeCondition(previous) });
      } else if (!previous.isOptional) {
        break;
      }
    }
    return nots;
  }

  #addStops(state: GraphState): void {
    for (const { name, condition } of this.#currentNots()) state.proceed(this.#stopState(name, condition), condition);
  }

  /** While a loop goes on, a `notFollowedBy` after it counts already. */
  #addStopOfFollowing(state: GraphState): void {
    const following = this.#following;
    if (following?.contiguity !== 'notFollow') return;
    const condition = this.#takeCondition(following);
    state.proceed(this.#stopState(following.name!, condition), condition);
  }

  /**
   * Once an optional stage has taken a record, the `notFollowedBy` stages before it are over: what follows is copied
   * without the ways to their stop states.
   */
  #withoutNots(state: GraphState): GraphState {
    const nots = this.#currentNots();
    if (nots.length === 0 || !this.#stage.isOptional) return state;
    const stops = new Set(nots.map(({ name }) => this.#stopStates.get(name)));
    const copy = this.#state(state.stageName, state.kind);
    for (const { action, target, condition } of state.transitions) {
      if (action !== 'proceed') copy.add(action, target === state ? copy : target, condition);
      else if (target.kind !== 'stop') copy.proceed(this.#withoutNots(target), condition);
      else if (!stops.has(target)) copy.proceed(target, condition);
    }
    return copy;
  }

  #copy(state: GraphState): GraphState {
    const copy = this.#state(state.stageName, state.kind);
    for (const { action, target, condition } of state.transitions) {
      copy.add(action, target === state ? copy : target, condition);
    }
    return copy;
  }

  get #isHead(): boolean {
    return this.#place.group !== undefined && this.#place.index === 0;
  }

  #isHeadOfOptionalGroup(): boolean {
    const { group } = this.#place;
    return this.#isHead && !this.#laterPasses.has(group!) && group!.isOptional;
  }

  #takeCondition(stage: Stage): Condition {
    const until = this.#place.group?.until;
    return and(stage.condition ?? ALWAYS, until && not(until));
  }

  #alwaysUntil(): Condition {
    const until = this.#place.group?.until;
    return until === undefined ? ALWAYS : not(until);
  }

  /** How records are passed over before the stage; the head of a group is reached as its group is. */
  #ignoreCondition(): Condition | undefined {
    const { group } = this.#place;
    if (!this.#isHead) return this.#passing(this.#stage.contiguity);
    return this.#passing(this.#laterPasses.has(group!) ? group!.innerContiguity : group!.contiguity);
  }

  /** How records are passed over between the records of the stage. */
  #innerIgnoreCondition(): Condition | undefined {
    return this.#passing(this.#isHead ? this.#place.group!.innerContiguity : this.#stage.innerContiguity);
  }

  #passing(contiguity: Stage['contiguity']): Condition | undefined {
    if (contiguity === 'strict') return undefined;
    const passing = contiguity === 'skipTillAny' ? ALWAYS : not(this.#stage.condition ?? ALWAYS);
    return orUntil(passing, this.#place.group?.until);
  }
}

/** Nothing is passed over from the record on that ends the loop. */
function orUntil(ignore: Condition | undefined, until: Condition | undefined): Condition | undefined {
  return ignore === undefined || until === undefined ? ignore : and(not(until), ignore);
}

function addCondition(state: GraphState, condition: Condition): void {
  for (const transition of state.transitions) transition.condition = and(transition.condition, condition);
}

function positiveNames(stages: readonly Stage[]): string[] {
  const isPositive = (stage: Stage): boolean => !isNegative(stage);
  return stages.filter(isPositive).flatMap((s) => (s.group === undefined ? stageNames([s]) : positiveNames(s.group)));
}

/** Of a stage only what decides the states: conditions and limits may change. */
function shapeOnly(key: string, value: unknown): unknown {
  if (key === 'condition' || key === 'firstAndLastMs' || key === 'previousAndCurrentMs') return undefined;
  return key === 'until' ? value !== undefined : value;
}
