import type { Condition } from './condition.ts';

/** Take the record for this stage; pass it over; or go on to another state with the same record. */
export type TransitionAction = 'take' | 'ignore' | 'proceed';

export type GraphStateKind =
  | 'start'
  | 'normal'
  /** Waits until time is up, then it is a match: a `notFollowedBy` at the end. */
  | 'pending'
  /** A record that must not come has come. */
  | 'stop'
  | 'final';

export interface Transition {
  readonly action: TransitionAction;
  readonly source: GraphState;
  readonly target: GraphState;
  condition: Condition;
}

/** A state of the automaton that a pattern is compiled to. */
export class GraphState {
  readonly index: number;
  /** Of the stage whose records are taken here; undefined where none is. */
  readonly stageName: string | undefined;
  kind: GraphStateKind;
  readonly transitions: Transition[] = [];
  /** The longest time since the record before, milliseconds; 0 is no limit. */
  readonly windowMs: number;

  constructor(index: number, stageName: string | undefined, kind: GraphStateKind, windowMs: number) {
    this.index = index;
    this.stageName = stageName;
    this.kind = kind;
    this.windowMs = windowMs;
  }

  take(target: GraphState, condition: Condition): void {
    this.add('take', target, condition);
  }

  ignore(target: GraphState, condition: Condition): void {
    this.add('ignore', target, condition);
  }

  proceed(target: GraphState, condition: Condition): void {
    this.add('proceed', target, condition);
  }

  add(action: TransitionAction, target: GraphState, condition: Condition): void {
    this.transitions.push({ action, source: this, target, condition });
  }
}

/** An automaton, with its states in the order of their indexes. */
export interface PatternGraph {
  readonly states: readonly GraphState[];
  readonly start: GraphState;
  /** The longest time between the first and the last record, milliseconds; 0 is no limit. */
  readonly windowMs: number;
  /** Names of the stages that take records, in pattern order. */
  readonly stageNames: readonly string[];
  /** Of what the states mean: state kept for another automaton cannot be used. */
  readonly fingerprint: number;
}
