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
}

/** A compiled pattern in the form that is run per record. */
export interface Automaton {
  readonly states: readonly AutomatonState[];
  readonly start: AutomatonState;
  readonly windowMs: number;
  readonly hasWindows: boolean;
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
  return {
    states,
    start: states[graph.start.index]!,
    windowMs: graph.windowMs,
    hasWindows: graph.windowMs > 0 || states.some(({ windowMs }) => windowMs > 0),
    stageNames: graph.stageNames,
    fingerprint: graph.fingerprint,
    answerCount: compiler.answerCount,
  };
}

function mayEnd(from: GraphState): boolean {
  const seen = new Set<GraphState>([from]);
  for (const state of seen) {
    for (const { action, target } of state.transitions) {
      if (action !== 'proceed') continue;
      if (target.kind === 'final') return true;
      seen.add(target);
    }
  }
  return false;
}
