import { ConditionCompiler, type CompiledCondition } from './compiled-condition.ts';
import type { GraphState, GraphStateKind, PatternGraph } from './pattern-graph.ts';

/** A transition ready to run. */
export interface Edge {
  readonly isTake: boolean;
  readonly test: CompiledCondition;
  readonly target: AutomatonState;
  /** Of the stage that takes the record. */
  readonly stage: number;
}

export interface AutomatonState {
  readonly index: number;
  readonly kind: GraphStateKind;
  readonly windowMs: number;
  /** Take and ignore transitions, and those that go on, in the pattern's order. */
  readonly steps: readonly (Edge & { readonly isProceed: boolean })[];
  /** Whether transitions that take no record may lead to the end. */
  readonly mayEnd: boolean;
  /** Whether what may be done with a record here is the same for all partial matches. */
  readonly isPlain: boolean;
}

/** A compiled pattern in the form that is run per record. */
export interface Automaton {
  readonly states: readonly AutomatonState[];
  readonly start: AutomatonState;
  readonly windowMs: number;
  readonly hasWindows: boolean;
  /** Whether a state limits the time since the record before. */
  readonly hasNeighbourWindows: boolean;
  readonly stageNames: readonly string[];
  readonly fingerprint: number;
  /** Conditions that are asked once per record. */
  readonly answerCount: number;
}

export function createAutomaton(graph: PatternGraph): Automaton {
  const compiler = new ConditionCompiler();
  const stageIndex = new Map(graph.stageNames.map((name, index) => [name, index]));
  const states = graph.states.map((state) => ({
    index: state.index,
    kind: state.kind,
    windowMs: state.windowMs,
    steps: [] as (Edge & { readonly isProceed: boolean })[],
    mayEnd: mayEnd(state),
    isPlain: isPlain(state),
  }));
  for (const { index, transitions } of graph.states) {
    for (const { action, source, target, condition } of transitions) {
      states[index]!.steps.push({
        isTake: action === 'take',
        isProceed: action === 'proceed',
        test: compiler.compile(condition),
        target: states[target.index]!,
        stage: source.stageName === undefined ? -1 : stageIndex.get(source.stageName)!,
      });
    }
  }
  const hasNeighbourWindows = states.some(({ windowMs }) => windowMs > 0);
  return {
    states,
    start: states[graph.start.index]!,
    windowMs: graph.windowMs,
    hasWindows: graph.windowMs > 0 || hasNeighbourWindows,
    hasNeighbourWindows,
    stageNames: graph.stageNames,
    fingerprint: graph.fingerprint,
    answerCount: compiler.answerCount,
  };
}

function mayEnd(from: GraphState): boolean {
  return reachable(from).some(({ kind }) => kind === 'final');
}

function isPlain(from: GraphState): boolean {
  return reachable(from).every(({ transitions }) =>
    transitions.every(({ condition }) => ConditionCompiler.isPlain(condition)),
  );
}

/** The state and those that are reached from it without taking a record. */
function reachable(from: GraphState): GraphState[] {
  const seen = new Set<GraphState>([from]);
  for (const { transitions } of seen) {
    for (const { action, target } of transitions) if (action === 'proceed') seen.add(target);
  }
  return [...seen];
}
