import { UserError } from '../../engine/base/errors.ts';
import type { Counter } from '../../engine/base/metrics.ts';
import { DISCARDING_OUTPUT, type Output } from '../../engine/task/output.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { hasTimestamp, MAX_TIMESTAMP_MS, NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import { type Key, VOID_NAMESPACE } from '../../state/keyed/key.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { TimestampedCollector } from '../process/collector.ts';
import { FunctionContext } from '../process/function-context.ts';
import { LateRecords } from '../window/late-records.ts';
import { createAutomaton, type Automaton } from './automaton.ts';
import { compilePattern } from './compile-pattern.ts';
import { MatchBuffer } from './match-buffer.ts';
import {
  MATCH_NODES,
  type MatchBuffers,
  matcherDescriptor,
  type MatcherState,
  newMatcherState,
  NONE,
  recordsDescriptor,
} from './matcher-state.ts';
import { OperatorMatchContext } from './operator-match-context.ts';
import type { PatternMatch } from './pattern-match.ts';
import { type MatchListener, PatternMatcher } from './pattern-matcher.ts';
import type { PatternProcessFunction } from './pattern-process-function.ts';
import { dequeue, enqueue } from './record-queue.ts';
import type { PatternDefinition } from './stage.ts';

export interface CepOperatorOptions<T, OUT> {
  readonly pattern: PatternDefinition;
  readonly schema: Schema<T>;
  readonly timeDomain: 'eventTime' | 'processingTime';
  /** Order of records of a key with the same time. */
  readonly comparator: ((a: T, b: T) => number) | undefined;
  readonly lateTag: OutputTag<T> | undefined;
  readonly timedOutTag: OutputTag<PatternMatch<T>> | undefined;
  readonly logic: PatternProcessFunction<Key, T, string, OUT>;
}

/**
 * Looks for a pattern in the records of each key.
 *
 * Stateful: the records that wait for the watermark, partial matches, and the records and nodes that these share. In event
 * time a record waits until the watermark reaches it, so records are looked at in the order of their times; one with a time
 * that the watermark has reached is late. A key has one timer, for what comes first: a record, or the end of a partial
 * match's time.
 * Law: what comes out does not depend on how the records in time are interleaved with each other and with watermarks.
 */
export class CepOperator<T, OUT> extends StreamOperator<OUT> implements MatchListener<T> {
  override readonly takesRetractions = false;
  readonly #options: CepOperatorOptions<T, OUT>;
  readonly #automaton: Automaton;
  readonly #isEventTime: boolean;
  readonly #late: LateRecords<T>;
  readonly #collector = new TimestampedCollector<OUT>();
  #state: ValueState<MatcherState<T>> = undefined as never;
  #buffers: MatchBuffers<T> = undefined as never;
  #matcher: PatternMatcher<T> = undefined as never;
  #timedOut: Output<PatternMatch<T>> = DISCARDING_OUTPUT;
  #matchContext: OperatorMatchContext = undefined as never;

  constructor(options: CepOperatorOptions<T, OUT>) {
    super();
    this.#options = options;
    this.#automaton = createAutomaton(compilePattern(options.pattern));
    this.#isEventTime = options.timeDomain === 'eventTime';
    this.#late = new LateRecords(options.lateTag);
  }

  override open(): void {
    const { keyedState, timers } = this.context;
    const { schema, pattern, timedOutTag, logic } = this.#options;
    this.#collector.output = this.output;
    this.#late.open(this.context);
    this.#state = keyedState.state(matcherDescriptor(schema));
    this.#buffers = { records: keyedState.state(recordsDescriptor(schema)), nodes: keyedState.state(MATCH_NODES) };
    this.#matcher = new PatternMatcher({
      automaton: this.#automaton,
      skip: pattern.afterMatchSkip,
      buffer: new MatchBuffer(this.#buffers),
      listener: this,
      wantsTimeouts: timedOutTag !== undefined || logic.processTimedOutMatch !== undefined,
      currentProcessingTimeMs: () => timers.currentProcessingTimeMs(),
    });
    if (timedOutTag !== undefined) this.#timedOut = this.context.sideOutput(timedOutTag);
    this.#matchContext = new OperatorMatchContext(this.context);
    logic.open?.(new FunctionContext(this.context));
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    if (this.#isEventTime) {
      if (!hasTimestamp(timestampMs)) throw this.#withoutTimestamp();
      if (timestampMs <= this.context.timers.currentWatermarkMs()) {
        this.#late.collect(value as T, timestampMs, kind);
      } else {
        this.#buffer(value as T, timestampMs);
      }
      return;
    }
    const nowMs = this.context.timers.currentProcessingTimeMs();
    if (this.#options.comparator !== undefined) this.#buffer(value as T, nowMs);
    else this.#processNow(value as T, nowMs);
  }

  override onEventTimeTimer(): void {
    this.#onTimer(this.context.timers.currentWatermarkMs());
  }

  override onProcessingTimeTimer(): void {
    this.#onTimer(this.context.timers.currentProcessingTimeMs());
  }

  override close(): void {
    this.#options.logic.close?.();
  }

  /** Records that came too late and went nowhere. */
  get lateRecordsDropped(): Counter {
    return this.#late.dropped;
  }

  onMatch(match: PatternMatch<T>, timestampMs: number): void {
    this.#enter(timestampMs);
    this.#options.logic.processMatch(match, this.#matchContext, this.#collector);
  }

  onTimeout(match: PatternMatch<T>, timestampMs: number): void {
    this.#enter(timestampMs);
    this.#timedOut.collect(match, this.#collector.timestampMs, INSERT);
    this.#options.logic.processTimedOutMatch?.(match, this.#matchContext);
  }

  #enter(timestampMs: number): void {
    const outputMs = this.#isEventTime ? timestampMs : NO_TIMESTAMP;
    this.#collector.timestampMs = outputMs;
    this.#matchContext.enter(timestampMs, outputMs);
  }

  #buffer(value: T, timestampMs: number): void {
    const state = this.#state.value() ?? this.#newState();
    enqueue(state, timestampMs, value, this.#buffers.records);
    this.#schedule(state, this.#turnMs(timestampMs));
    this.#state.update(state);
  }

  #processNow(value: T, nowMs: number): void {
    const state = this.#state.value() ?? this.#newState();
    this.#checkFingerprint(state);
    this.#matcher.advance(state, nowMs);
    this.#matcher.process(state, NONE, value, nowMs);
    this.#finish(state);
  }

  #onTimer(nowMs: number): void {
    const state = this.#state.value();
    if (state === undefined) return;
    this.#checkFingerprint(state);
    state.timerMs = MAX_TIMESTAMP_MS;
    this.#takeTurns(state, nowMs);
    this.#matcher.advance(state, nowMs);
    this.#finish(state);
  }

  /** Looks at the records that have waited until now, in their order. */
  #takeTurns(state: MatcherState<T>, nowMs: number): void {
    const { comparator } = this.#options;
    const { queueTimes, queueValues, queueNumbers } = state;
    const isInline = queueNumbers.length === 0;
    let done = 0;
    while (done < queueTimes.length && this.#turnMs(queueTimes[done]!) <= nowMs) {
      const timestampMs = queueTimes[done]!;
      this.#matcher.advance(state, timestampMs);
      let end = done + 1;
      if (comparator !== undefined) while (queueTimes[end] === timestampMs) end++;
      if (end - done > 1) {
        this.#takeEquals(state, done, end);
      } else if (isInline) {
        this.#matcher.process(state, NONE, queueValues[done]!, timestampMs);
      } else {
        const number = queueNumbers[done]!;
        this.#matcher.process(state, number, this.#buffers.records.get(number)!.value, timestampMs);
      }
      done = end;
    }
    if (done > 0) dequeue(state, done);
  }

  /** Records of one time, in the order of the comparator. */
  #takeEquals(state: MatcherState<T>, from: number, end: number): void {
    const { queueTimes, queueValues, queueNumbers } = state;
    const equals: { readonly number: number; readonly value: T }[] = [];
    for (let i = from; i < end; i++) {
      const number = queueNumbers[i] ?? NONE;
      equals.push({ number, value: number === NONE ? queueValues[i]! : this.#buffers.records.get(number)!.value });
    }
    equals.sort((a, b) => this.#options.comparator!(a.value, b.value));
    for (const { number, value } of equals) this.#matcher.process(state, number, value, queueTimes[from]!);
  }

  /** When a buffered record may be looked at: in processing time once its millisecond is over, as more may come in it. */
  #turnMs(timestampMs: number): number {
    return this.#isEventTime ? timestampMs : timestampMs + 1;
  }

  #finish(state: MatcherState<T>): void {
    const dueMs = this.#matcher.earliestDueMs(state);
    const turnMs = state.queueTimes.length === 0 ? Infinity : this.#turnMs(state.queueTimes[0]!);
    this.#schedule(state, Math.min(dueMs, turnMs));
    const isIdle = state.queueTimes.length === 0 && state.partials.length === 1 && state.completed.length === 0;
    if (isIdle) {
      this.#unschedule(state);
      this.#state.clear();
    } else {
      this.#state.update(state);
    }
  }

  /** Keeps the key's one timer at what comes first. */
  #schedule(state: MatcherState<T>, atMs: number): void {
    if (atMs >= state.timerMs) return;
    this.#unschedule(state);
    state.timerMs = atMs;
    const { timers } = this.context;
    if (this.#isEventTime) timers.registerEventTimeTimer(VOID_NAMESPACE, atMs);
    else timers.registerProcessingTimeTimer(VOID_NAMESPACE, atMs);
  }

  #unschedule(state: MatcherState<T>): void {
    if (state.timerMs === MAX_TIMESTAMP_MS) return;
    const { timers } = this.context;
    if (this.#isEventTime) timers.deleteEventTimeTimer(VOID_NAMESPACE, state.timerMs);
    else timers.deleteProcessingTimeTimer(VOID_NAMESPACE, state.timerMs);
    state.timerMs = MAX_TIMESTAMP_MS;
  }

  #newState(): MatcherState<T> {
    return newMatcherState(this.#automaton.fingerprint, this.#automaton.start.index);
  }

  #checkFingerprint({ fingerprint }: MatcherState): void {
    if (fingerprint === this.#automaton.fingerprint) return;
    throw new UserError(
      'STATE_INCOMPATIBLE',
      `the partial matches of '${this.context.operatorName}' are those of another pattern`,
      {
        hint: 'Stages, their order and how often they may occur cannot change under stored state: give the pattern a new uid.',
      },
    );
  }

  #withoutTimestamp(): UserError {
    return new UserError(
      'JOB_DEFINITION',
      `a record without timestamp came to the pattern '${this.context.operatorName}'`,
      { hint: `Give its source a WatermarkStrategy with withTimestamp(...), or use timeDomain: 'processingTime'.` },
    );
  }
}
