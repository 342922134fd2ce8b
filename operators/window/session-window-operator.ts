import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { MAX_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import { type Key, VOID_NAMESPACE } from '../../state/keyed/key.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { array } from '../../state/schema/collections.ts';
import { record } from '../../state/schema/record.ts';
import { boolean, long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { TimestampedCollector } from '../process/collector.ts';
import { FunctionContext } from '../process/function-context.ts';
import type { AggregateFunction } from '../process/state-spec.ts';
import { LateRecords } from './late-records.ts';
import { type EventTimeSessionWindows, sessionEndMs } from './session-windows.ts';
import { keepWindowLayout } from './window-layout.ts';
import { requireTimestamp } from './window-assigner.ts';
import { OperatorWindowContext } from './window-contexts.ts';
import type { WindowLogic } from './window-function.ts';
import { TimeWindow } from './window.ts';

export interface SessionWindowOptions<T, ACC, R, OUT> {
  readonly assigner: EventTimeSessionWindows<T>;
  readonly aggregate: AggregateFunction<T, ACC, R>;
  /** Undefined: the aggregate's result is emitted as it is. */
  readonly logic: WindowLogic<Key, R, OUT, TimeWindow> | undefined;
  readonly allowedLatenessMs: number;
  readonly lateTag: OutputTag<T> | undefined;
}

interface Session<ACC> {
  startMs: number;
  endMs: number;
  /** It has ended and is kept for its lateness only. */
  hasFired: boolean;
  accumulator: ACC;
}

/**
 * Event-time sessions with an aggregate and the default trigger: what `WindowOperator` does, with one state access and no
 * timer work per record. A key's sessions are one list, sorted by time. It has one timer, at or before the next thing to do
 * for any of them; a session that has grown meanwhile just sets it anew.
 *
 * Stateful: the sessions of each key, kept until their end plus the allowed lateness.
 * Law: a result carries the last timestamp of its session.
 */
export class SessionWindowOperator<T, ACC, R, OUT> extends StreamOperator<OUT> {
  override readonly takesRetractions = false;
  readonly #assigner: EventTimeSessionWindows<T>;
  readonly #aggregate: AggregateFunction<T, ACC, R>;
  readonly #logic: WindowLogic<Key, R, OUT, TimeWindow> | undefined;
  readonly #latenessMs: number;
  readonly #late: LateRecords<T>;
  readonly #collector = new TimestampedCollector<OUT>();
  #sessions: ValueState<Session<ACC>[]> = undefined as never;
  #functionContext: OperatorWindowContext<TimeWindow> = undefined as never;

  constructor(options: SessionWindowOptions<T, ACC, R, OUT>) {
    super();
    this.#assigner = options.assigner;
    this.#aggregate = options.aggregate;
    this.#logic = options.logic;
    this.#latenessMs = options.allowedLatenessMs;
    this.#late = new LateRecords(options.lateTag);
  }

  override open(): void {
    const accumulator = this.#aggregate.accumulatorSchema;
    const session = record('tidemark.Session', { startMs: long(), endMs: long(), hasFired: boolean(), accumulator });
    const schema = array(session) as unknown as Schema<Session<ACC>[]>;
    this.#collector.output = this.output;
    this.#late.open(this.context);
    keepWindowLayout(this.context, 'event-time sessions, one list of them per key');
    this.#sessions = this.context.keyedState.state({ kind: 'value', name: 'window-sessions', schema });
    this.#functionContext = new OperatorWindowContext(this.context, undefined, this.#logic?.globalState);
    this.#logic?.open?.(new FunctionContext(this.context));
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    requireTimestamp(timestampMs);
    const watermarkMs = this.context.timers.currentWatermarkMs();
    const endMs = sessionEndMs(timestampMs, this.#assigner.gapMsOf(value as T));
    const sessions = this.#sessions.value();
    const index = sessions === undefined ? -1 : firstTouched(sessions, timestampMs, endMs);
    if (sessions !== undefined && index >= 0) {
      const session = sessions[index]!;
      const { hasFired } = session;
      this.#extend(sessions, index, timestampMs, endMs);
      session.accumulator = this.#aggregate.add(session.accumulator, value as T);
      const lastMs = session.endMs - 1;
      session.hasFired = lastMs <= watermarkMs;
      this.#sessions.update(sessions);
      if (session.hasFired) this.#emit(session);
      // One that was kept for its lateness only will end once more.
      else if (hasFired) this.#registerTimer(lastMs);
    } else if (endMs - 1 + this.#latenessMs <= watermarkMs) {
      if (timestampMs + this.#latenessMs <= watermarkMs) this.#late.collect(value as T, timestampMs, kind);
    } else {
      this.#open(sessions, timestampMs, endMs, value as T, watermarkMs);
    }
  }

  override onEventTimeTimer(timestampMs: number): void {
    const sessions = this.#sessions.value();
    if (sessions === undefined) return;
    let keptCount = 0;
    let hasChanged = false;
    for (let i = 0; i < sessions.length; i++) {
      const session = sessions[i]!;
      if (!session.hasFired && session.endMs - 1 === timestampMs) {
        this.#emit(session);
        session.hasFired = true;
        hasChanged = true;
      }
      if (session.endMs - 1 + this.#latenessMs > timestampMs) sessions[keptCount++] = session;
    }
    if (keptCount === 0) {
      this.#sessions.clear();
      return;
    }
    if (hasChanged || keptCount < sessions.length) {
      sessions.length = keptCount;
      this.#sessions.update(sessions);
    }
    this.#registerTimer(this.#nextMs(sessions));
  }

  override close(): void {
    this.#logic?.close?.();
  }

  /** Begins a session that touches no other. */
  #open(sessions: Session<ACC>[] | undefined, startMs: number, endMs: number, value: T, watermarkMs: number): void {
    const aggregate = this.#aggregate;
    const hasFired = endMs - 1 <= watermarkMs;
    const session = { startMs, endMs, hasFired, accumulator: aggregate.add(aggregate.createAccumulator(), value) };
    const pendingMs = sessions === undefined ? Infinity : this.#nextMs(sessions);
    const nextMs = this.#dueMs(session);
    if (nextMs < pendingMs) this.#registerTimer(nextMs);
    if (sessions === undefined) {
      this.#sessions.update([session]);
    } else {
      let at = sessions.length;
      while (at > 0 && sessions[at - 1]!.startMs > startMs) at--;
      sessions.splice(at, 0, session);
      this.#sessions.update(sessions);
    }
    if (hasFired) this.#emit(session);
  }

  /** Lets a session grow, and takes in those after it that it now touches. */
  #extend(sessions: Session<ACC>[], index: number, startMs: number, endMs: number): void {
    const session = sessions[index]!;
    if (startMs < session.startMs) session.startMs = startMs;
    if (endMs <= session.endMs) return;
    session.endMs = endMs;
    let next = index + 1;
    for (; next < sessions.length && sessions[next]!.startMs <= session.endMs; next++) {
      const other = sessions[next]!;
      session.accumulator = this.#aggregate.merge(session.accumulator, other.accumulator);
      if (other.endMs > session.endMs) session.endMs = other.endMs;
    }
    if (next > index + 1) sessions.splice(index + 1, next - index - 1);
  }

  /** The next time something has to be done for any of them. */
  #nextMs(sessions: readonly Session<ACC>[]): number {
    let nextMs = Infinity;
    for (let i = 0; i < sessions.length; i++) {
      const dueMs = this.#dueMs(sessions[i]!);
      if (dueMs < nextMs) nextMs = dueMs;
    }
    return nextMs;
  }

  /** When a session ends; when it has ended, when it is dropped. */
  #dueMs({ endMs, hasFired }: Session<ACC>): number {
    return hasFired ? endMs - 1 + this.#latenessMs : endMs - 1;
  }

  #registerTimer(timestampMs: number): void {
    if (timestampMs <= MAX_TIMESTAMP_MS) this.context.timers.registerEventTimeTimer(VOID_NAMESPACE, timestampMs);
  }

  #emit({ startMs, endMs, accumulator }: Session<ACC>): void {
    const result = this.#aggregate.getResult(accumulator);
    this.#collector.timestampMs = endMs - 1;
    if (this.#logic === undefined) {
      this.#collector.collect(result as unknown as OUT);
      return;
    }
    const window = new TimeWindow(startMs, endMs);
    this.#functionContext.enter(window, VOID_NAMESPACE);
    this.#logic.process(this.currentKey(), this.#functionContext, [result], this.#collector);
  }
}

/** Index of the first session that overlaps or touches [startMs, endMs); -1 when none does. Mostly it is the last. */
function firstTouched(sessions: readonly Session<unknown>[], startMs: number, endMs: number): number {
  let first = -1;
  for (let i = sessions.length - 1; i >= 0 && sessions[i]!.endMs >= startMs; i--) {
    if (sessions[i]!.startMs <= endMs) first = i;
  }
  return first;
}
