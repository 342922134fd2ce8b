import { UserError } from '../../engine/base/errors.ts';
import type { AfterMatchSkipStrategy } from './after-match-skip-strategy.ts';
import type { Automaton, AutomatonState, Edge } from './automaton.ts';
import type { JudgedEvent } from './compiled-condition.ts';
import type { ConditionContext } from './condition.ts';
import type { MatchBuffer } from './match-buffer.ts';
import { type MatcherState, type MatchNode, NONE, NOT_BEGUN, type PartialMatch } from './matcher-state.ts';
import { heapAdd, heapPoll, heapRemoveIf } from './partial-match-heap.ts';
import type { PatternMatch } from './pattern-match.ts';
import { skippedBelow } from './skip-strategy.ts';

/** Takes what a matcher finds. */
export interface MatchListener<T> {
  onMatch(match: PatternMatch<T>, timestampMs: number): void;
  /** A partial match whose time is up at `timestampMs`. */
  onTimeout(match: PatternMatch<T>, timestampMs: number): void;
}

export interface PatternMatcherOptions<T> {
  readonly automaton: Automaton;
  readonly skip: AfterMatchSkipStrategy;
  readonly buffer: MatchBuffer<T>;
  readonly listener: MatchListener<T>;
  /** False: `onTimeout` is never called. */
  readonly wantsTimeouts: boolean;
  readonly currentProcessingTimeMs: () => number;
}

const NO_MATCHES: readonly never[] = [];

/**
 * Runs an automaton over the records of a key, in their order: every partial match is tried with every record, and may
 * become none, one or several. Works on the state that it is handed; keeps nothing of a key itself.
 *
 * Time passes as if in single milliseconds: what is due comes out at its own time, however far time has jumped.
 */
export class PatternMatcher<T> {
  readonly #automaton: Automaton;
  readonly #skip: AfterMatchSkipStrategy;
  readonly #skips: boolean;
  readonly #buffer: MatchBuffer<T>;
  readonly #listener: MatchListener<T>;
  readonly #wantsTimeouts: boolean;
  readonly #context: JudgedContext<T>;
  readonly #judged: JudgedEvent;
  // Reused: lists of one step.
  readonly #stack: AutomatonState[] = [];
  readonly #edges: Edge[] = [];
  /** By state: what may be done with the record, where that is the same for all partial matches. */
  readonly #decisions: Decision[];
  #recordCount = 0;
  readonly #results: PartialMatch[] = [];
  readonly #next: PartialMatch[] = [];
  readonly #matches: PartialMatch[] = [];

  constructor({ automaton, skip, buffer, listener, wantsTimeouts, currentProcessingTimeMs }: PatternMatcherOptions<T>) {
    this.#automaton = automaton;
    this.#skip = skip;
    this.#skips = skip.kind !== 'noSkip';
    this.#buffer = buffer;
    this.#listener = listener;
    this.#wantsTimeouts = wantsTimeouts;
    this.#context = new JudgedContext(buffer, automaton.stageNames, currentProcessingTimeMs);
    this.#decisions = automaton.states.map(() => ({ recordCount: -1, edges: [] }));
    this.#judged = { event: undefined, context: this.#context, answers: new Uint8Array(automaton.answerCount) };
  }

  /**
   * Tries a record. Time must have been advanced to `timestampMs`.
   *
   * @param number its number, if it has waited in the map of records; else NONE.
   */
  process(state: MatcherState, number: number, value: T, timestampMs: number): void {
    const { partials } = state;
    const next = this.#next;
    const matches = this.#matches;
    next.length = 0;
    matches.length = 0;
    this.#recordCount++;
    this.#judged.event = value;
    const { answers } = this.#judged;
    for (let i = 0; i < answers.length; i++) answers[i] = 0;
    this.#context.timestamp = timestampMs;
    this.#buffer.beginRecord(state, number, value);
    let isChanged = false;
    for (let i = 0; i < partials.length; i++) {
      const partial = partials[i]!;
      const edges = this.#decide(partial);
      if (this.#stays(partial, edges)) {
        if (isChanged) heapAdd(next, partial);
        continue;
      }
      if (!isChanged) for (let k = 0; k < i; k++) next.push(partials[k]!);
      isChanged = true;
      this.#follow(state, partial, edges, timestampMs);
    }
    let found: readonly PatternMatch<T>[] = NO_MATCHES;
    if (isChanged) {
      // Complete matches may also have waited for one that is gone now.
      if (matches.length > 0 || state.completed.length > 0) found = this.#release(state, matches, next);
      state.partials = next.slice();
    }
    this.#buffer.endRecord(state);
    for (let i = 0; i < found.length; i++) this.#listener.onMatch(found[i]!, timestampMs);
  }

  /** Lets time pass up to `nowMs`: partial matches whose time is up by then are gone, or matches if they waited for that. */
  advance(state: MatcherState, nowMs: number): void {
    if (!this.#automaton.hasWindows) return;
    for (;;) {
      const dueMs = this.earliestDueMs(state);
      if (dueMs > nowMs) return;
      // What one match skips may be due later: one time after the other. Else all at once.
      this.#expire(state, this.#skips ? dueMs : nowMs);
      if (!this.#skips) return;
    }
  }

  /** When the time of the next partial match is up; Infinity when there is none with a limit. */
  earliestDueMs(state: MatcherState): number {
    let earliestMs = Infinity;
    if (!this.#automaton.hasWindows) return earliestMs;
    const { partials } = state;
    // The first of the heap began first.
    if (!this.#automaton.hasNeighbourWindows) return this.#dueMs(partials[0]!);
    for (let i = 0; i < partials.length; i++) {
      const dueMs = this.#dueMs(partials[i]!);
      if (dueMs < earliestMs) earliestMs = dueMs;
    }
    return earliestMs;
  }

  #dueMs(partial: PartialMatch): number {
    if (partial.start === NOT_BEGUN) return Infinity;
    const { windowMs, states } = this.#automaton;
    const neighbourMs = states[partial.state]!.windowMs;
    const wholeDueMs = windowMs > 0 ? partial.startMs + windowMs : Infinity;
    const dueMs = neighbourMs > 0 ? partial.previousMs + neighbourMs : Infinity;
    return wholeDueMs < dueMs ? wholeDueMs : dueMs;
  }

  /** Whether a partial match is the same as before the record: it has passed it over, or has not begun with it. */
  #stays(partial: PartialMatch, edges: readonly Edge[]): boolean {
    if (partial.start !== NOT_BEGUN) {
      return edges.length === 1 && !edges[0]!.isTake && edges[0]!.target.index === partial.state;
    }
    for (let i = 0; i < edges.length; i++) if (edges[i]!.isTake) return false;
    return true;
  }

  /** Adds what becomes of one partial match with the record that is judged. */
  #follow(state: MatcherState, partial: PartialMatch, edges: readonly Edge[], timestampMs: number): void {
    const { states } = this.#automaton;
    const buffer = this.#buffer;
    const isStart = partial.start === NOT_BEGUN;
    const start = isStart ? buffer.order : partial.start;
    const startMs = isStart ? timestampMs : partial.startMs;
    const results = this.#results;
    let isStopped = false;
    results.length = 0;
    for (let i = 0; i < edges.length; i++) {
      const { isTake, stage, target } = edges[i]!;
      if (target.kind === 'stop') isStopped = true;
      if (isTake) {
        const node = buffer.add(state, stage, partial.node);
        results.push({ state: target.index, node, start, startMs, previousMs: timestampMs });
        const end = this.#endAfter(target);
        if (end !== undefined) results.push({ state: end.index, node, start, startMs, previousMs: timestampMs });
      } else if (!isStart) {
        const { node, previousMs } = partial;
        results.push({ state: target.index, node, start, startMs, previousMs });
      }
    }
    for (let i = 0; i < results.length; i++) {
      const result = results[i]!;
      if (states[result.state]!.kind === 'final') heapAdd(this.#matches, result);
      else if (isStopped) continue;
      else heapAdd(this.#next, result);
      buffer.retain(result.node);
    }
    // The start stays, whatever happens.
    if (isStart) heapAdd(this.#next, partial);
    else buffer.release(partial.node);
  }

  /** The transitions that the record allows to a partial match, also by way of states that it proceeds to. */
  #decide(partial: PartialMatch): readonly Edge[] {
    const from = this.#automaton.states[partial.state]!;
    this.#context.enter(partial.node);
    if (!from.isPlain) return this.#collectEdges(from, this.#edges);
    const decision = this.#decisions[from.index]!;
    if (decision.recordCount !== this.#recordCount) {
      decision.recordCount = this.#recordCount;
      this.#collectEdges(from, decision.edges);
    }
    return decision.edges;
  }

  #collectEdges(from: AutomatonState, edges: Edge[]): readonly Edge[] {
    const stack = this.#stack;
    const judged = this.#judged;
    edges.length = 0;
    stack.push(from);
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      const { steps } = state;
      for (let i = 0; i < steps.length; i++) {
        const step = steps[i]!;
        if (!step.test(judged)) continue;
        if (step.isProceed) stack.push(step.target);
        else edges.push(step);
      }
    }
    return edges;
  }

  /** The end, when everything after `from` may be left out. */
  #endAfter(from: AutomatonState): AutomatonState | undefined {
    if (!from.mayEnd) return undefined;
    const stack = this.#stack;
    const judged = this.#judged;
    stack.push(from);
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      for (const step of state.steps) {
        if (!step.isProceed || !step.test(judged)) continue;
        if (step.target.kind === 'final') {
          stack.length = 0;
          return step.target;
        }
        stack.push(step.target);
      }
    }
    return undefined;
  }

  /**
   * Lets complete matches out, the one that began first before others, and drops what the strategy skips. One that began
   * after a partial match has to wait for that, as it may be skipped by it.
   */
  #release(state: MatcherState, added: readonly PartialMatch[], partials: PartialMatch[]): PatternMatch<T>[] {
    const { completed } = state;
    const found: PatternMatch<T>[] = [];
    for (const match of added) heapAdd(completed, match);
    while (completed.length > 0) {
      const first = completed[0]!;
      if (this.#skips && partials.length > 0 && first.start > partials[0]!.start) break;
      heapPoll(completed);
      const path = this.#buffer.path(first.node);
      const below = skippedBelow(this.#skip, path, this.#automaton.stageNames);
      if (below !== undefined) {
        const isSkipped = (match: PartialMatch): boolean => {
          if (match.start >= below) return false;
          this.#buffer.release(match.node);
          return true;
        };
        heapRemoveIf(partials, isSkipped);
        heapRemoveIf(completed, isSkipped);
      }
      found.push(this.#matchOf(path));
      this.#buffer.release(first.node);
    }
    return found;
  }

  #expire(state: MatcherState, nowMs: number): void {
    const partials: PartialMatch[] = [];
    const expired: { readonly partial: PartialMatch; readonly dueMs: number }[] = [];
    for (const partial of state.partials) {
      const dueMs = this.#dueMs(partial);
      if (dueMs > nowMs) heapAdd(partials, partial);
      else expired.push({ partial, dueMs });
    }
    expired.sort((a, b) => a.dueMs - b.dueMs);
    this.#buffer.beginStep(state);
    const outcomes: { readonly match: PatternMatch<T>; readonly dueMs: number; readonly isMatch: boolean }[] = [];
    const waited: PartialMatch[] = [];
    let matchedMs = nowMs;
    const release = (): void => {
      const released = this.#release(state, waited.splice(0), partials);
      for (const match of released) outcomes.push({ match, dueMs: matchedMs, isMatch: true });
    };
    for (const { partial, dueMs } of expired) {
      if (dueMs !== matchedMs && waited.length > 0) release();
      matchedMs = dueMs;
      if (this.#automaton.states[partial.state]!.kind === 'pending') {
        heapAdd(waited, partial);
      } else {
        if (this.#wantsTimeouts) {
          outcomes.push({ match: this.#matchOf(this.#buffer.path(partial.node)), dueMs, isMatch: false });
        }
        this.#buffer.release(partial.node);
      }
    }
    release();
    state.partials = partials;
    this.#buffer.dropReleased();
    for (const { match, dueMs, isMatch } of outcomes) {
      if (isMatch) this.#listener.onMatch(match, dueMs);
      else this.#listener.onTimeout(match, dueMs);
    }
  }

  #matchOf(path: readonly MatchNode[]): PatternMatch<T> {
    const { stageNames } = this.#automaton;
    const match: Record<string, T[]> = {};
    for (let i = 0; i < stageNames.length; i++) match[stageNames[i]!] = [];
    for (let i = 0; i < path.length; i++) {
      const { stage, record } = path[i]!;
      match[stageNames[stage]!]!.push(this.#buffer.valueOf(record));
    }
    return match;
  }
}

interface Decision {
  /** Of the record that it was made for. */
  recordCount: number;
  readonly edges: Edge[];
}

/** What conditions can ask; of the partial match that is judged. */
class JudgedContext<T> implements ConditionContext<T> {
  timestamp = 0;
  readonly #buffer: MatchBuffer<T>;
  readonly #stageNames: readonly string[];
  readonly #currentProcessingTimeMs: () => number;
  #node = NONE;
  #path: readonly MatchNode[] | undefined;

  constructor(buffer: MatchBuffer<T>, stageNames: readonly string[], currentProcessingTimeMs: () => number) {
    this.#buffer = buffer;
    this.#stageNames = stageNames;
    this.#currentProcessingTimeMs = currentProcessingTimeMs;
  }

  enter(node: number): void {
    this.#node = node;
    this.#path = undefined;
  }

  get currentProcessingTime(): number {
    return this.#currentProcessingTimeMs();
  }

  eventsForPattern(name: string): readonly T[] {
    const stage = this.#stageNames.indexOf(name);
    if (stage === -1) {
      throw new UserError('JOB_DEFINITION', `a condition asked for the records of stage '${name}', which is none`, {
        hint: `Stages that take records are ${this.#stageNames.join(', ')}.`,
      });
    }
    this.#path ??= this.#buffer.path(this.#node);
    const events: T[] = [];
    for (const node of this.#path) if (node.stage === stage) events.push(this.#buffer.valueOf(node.record));
    return events;
  }
}
