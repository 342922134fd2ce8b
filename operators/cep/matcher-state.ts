import { MAX_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import type { MapState, MapStateDescriptor, ValueStateDescriptor } from '../../state/keyed/state.ts';
import { array } from '../../state/schema/collections.ts';
import { record } from '../../state/schema/record.ts';
import { int, long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';

/** The number of no node, and of no record. */
export const NONE = -1;
/** `start` of the partial match that has not begun: it stands behind all others. */
export const NOT_BEGUN: number = Number.MAX_SAFE_INTEGER;

/** How far one match has come. Immutable. */
export interface PartialMatch {
  /** Index of the automaton's state that waits for the next record. */
  readonly state: number;
  /** The node of the last record taken; NONE for the match that has not begun. */
  readonly node: number;
  /** Order number of the first record taken. */
  readonly start: number;
  /** Times of the first and the last record taken. */
  readonly startMs: number;
  readonly previousMs: number;
}

/** All of a key but the records and nodes of partial matches. */
export interface MatcherState<T = unknown> {
  /** Of the automaton that the numbers belong to. */
  readonly fingerprint: number;
  nextRecord: number;
  nextNode: number;
  /** Order number of the next record that is looked at. */
  nextOrder: number;
  /** The one timer of the key; MAX when there is none. */
  timerMs: number;
  /** Records that wait for the watermark: see `record-queue.ts`. */
  readonly queueTimes: number[];
  queueValues: T[];
  queueNumbers: number[];
  /** Heaps: see `partial-match-heap.ts`. */
  partials: PartialMatch[];
  /** Matches that are complete, but may still be skipped by one that began earlier. */
  completed: PartialMatch[];
}

/** A record, and how many nodes stand for it. One that waits for its turn has none yet. */
export interface BufferedRecord<T> {
  value: T;
  references: number;
}

/**
 * A record taken for a stage, after the one of `previous`. Partial matches that have begun in the same way share nodes;
 * a node is dropped when neither a match nor another node refers to it.
 */
export interface MatchNode {
  readonly record: number;
  /** Order number of the record. */
  readonly order: number;
  /** Index of the stage's name. */
  readonly stage: number;
  readonly previous: number;
  references: number;
}

const PartialMatchSchema = record('tidemark.cep.PartialMatch', {
  state: int(),
  node: long(),
  start: long(),
  startMs: long(),
  previousMs: long(),
});

const MatchNodeSchema = record('tidemark.cep.MatchNode', {
  record: long(),
  order: long(),
  stage: int(),
  previous: long(),
  references: int(),
});

export function matcherDescriptor<T>(schema: Schema<T>): ValueStateDescriptor<MatcherState<T>> {
  const stateSchema = record('tidemark.cep.MatcherState', {
    fingerprint: int(),
    nextRecord: long(),
    nextNode: long(),
    nextOrder: long(),
    timerMs: long(),
    queueTimes: array(long()),
    queueValues: array(schema),
    queueNumbers: array(long()),
    partials: array(PartialMatchSchema),
    completed: array(PartialMatchSchema),
  });
  return { kind: 'value', name: 'matcher', schema: stateSchema as unknown as Schema<MatcherState<T>> };
}

export const MATCH_NODES: MapStateDescriptor<number, MatchNode> = {
  kind: 'map',
  name: 'nodes',
  keySchema: long(),
  schema: MatchNodeSchema as unknown as Schema<MatchNode>,
};

export function recordsDescriptor<T>(schema: Schema<T>): MapStateDescriptor<number, BufferedRecord<T>> {
  const buffered = record('tidemark.cep.BufferedRecord', { references: int(), value: schema });
  return { kind: 'map', name: 'records', keySchema: long(), schema: buffered as unknown as Schema<BufferedRecord<T>> };
}

/** The records and nodes of the current key. */
export interface MatchBuffers<T> {
  readonly records: MapState<number, BufferedRecord<T>>;
  readonly nodes: MapState<number, MatchNode>;
}

export function newMatcherState<T>(fingerprint: number, startState: number): MatcherState<T> {
  return {
    fingerprint,
    nextRecord: 0,
    nextNode: 0,
    nextOrder: 0,
    timerMs: MAX_TIMESTAMP_MS,
    queueTimes: [],
    queueValues: [],
    queueNumbers: [],
    partials: [notBegun(startState)],
    completed: [],
  };
}

function notBegun(startState: number): PartialMatch {
  return { state: startState, node: NONE, start: NOT_BEGUN, startMs: 0, previousMs: 0 };
}
