import { hasTimestamp, NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { TimerService } from '../../engine/task/timer-service.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { AggregatingState, ListState, NamespacedState, ReducingState } from '../../state/keyed/state.ts';
import { optional } from '../../state/schema/optional.ts';
import { record } from '../../state/schema/record.ts';
import { long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { type AggregateFunction, aggregatingDescriptor } from '../process/state-spec.ts';
import type { Evictor, EvictorContext, TimestampedValue } from './evictor.ts';
import type { Window } from './window.ts';

/** Name of the contents in checkpoints. */
const STATE_NAME = 'window-contents';

/** How the records of a window are kept: one by one, or folded into one value. */
export abstract class WindowContents<T, E, W extends Window = Window> {
  /** Said behind the layout of the windows where the records are kept in a way of their own. */
  readonly layout: string = '';
  abstract open(backend: KeyedStateBackend, timers: TimerService): NamespacedState;
  abstract add(value: T, timestampMs: number): void;
  /** What the window function gets; undefined when the window is empty. */
  abstract elements(window: W): readonly E[] | undefined;
  /** The window function has run on `elements`. */
  afterFire(_window: W): void {}
  abstract clear(): void;
}

/** All records of a window. */
export class ListContents<T> extends WindowContents<T, T> {
  readonly #schema: Schema<T>;
  #list: ListState<T> & NamespacedState = undefined as never;

  constructor(schema: Schema<T>) {
    super();
    this.#schema = schema;
  }

  open(backend: KeyedStateBackend): NamespacedState {
    this.#list = backend.state({ kind: 'list', name: STATE_NAME, schema: this.#schema, isNamespaced: true });
    return this.#list;
  }

  add(value: T): void {
    this.#list.add(value);
  }

  elements(): readonly T[] | undefined {
    const elements = this.#list.get();
    // A copy, which a function may hand on: a window that stays open goes on adding to its list.
    return elements.length === 0 ? undefined : elements.slice();
  }

  clear(): void {
    this.#list.clear();
  }
}

/** The reduction of a window's records. */
export class ReduceContents<T> extends WindowContents<T, T> {
  readonly #schema: Schema<T>;
  readonly #reduce: (accumulated: T, value: T) => T;
  #reduced: ReducingState<T> & NamespacedState = undefined as never;

  constructor(schema: Schema<T>, reduce: (accumulated: T, value: T) => T) {
    super();
    this.#schema = schema;
    this.#reduce = reduce;
  }

  open(backend: KeyedStateBackend): NamespacedState {
    const reduce = this.#reduce;
    this.#reduced = backend.state({
      kind: 'reducing',
      name: STATE_NAME,
      schema: this.#schema,
      reduce: (accumulated: T, value: T) => reduce(accumulated, value),
      isNamespaced: true,
    });
    return this.#reduced;
  }

  add(value: T): void {
    this.#reduced.add(value);
  }

  elements(): readonly T[] | undefined {
    const reduced = this.#reduced.get();
    return reduced === undefined ? undefined : [reduced];
  }

  clear(): void {
    this.#reduced.clear();
  }
}

/** The accumulator of a window's records. */
export class AggregateContents<T, ACC, R> extends WindowContents<T, R> {
  readonly #aggregate: AggregateFunction<T, ACC, R>;
  #aggregated: AggregatingState<T, R> & NamespacedState = undefined as never;

  constructor(aggregate: AggregateFunction<T, ACC, R>) {
    super();
    this.#aggregate = aggregate;
  }

  open(backend: KeyedStateBackend): NamespacedState {
    const descriptor = aggregatingDescriptor(STATE_NAME, this.#aggregate, { isNamespaced: true });
    this.#aggregated = backend.state(descriptor) as AggregatingState<T, R> & NamespacedState;
    return this.#aggregated;
  }

  add(value: T): void {
    this.#aggregated.add(value);
  }

  elements(): readonly R[] | undefined {
    const result = this.#aggregated.get();
    return result === undefined ? undefined : [result];
  }

  clear(): void {
    this.#aggregated.clear();
  }
}

interface StoredElement<T> {
  readonly timestampMs?: number | undefined;
  readonly value: T;
}

/** All records of a window with their times, and an evictor over them. */
export class EvictingContents<T, W extends Window> extends WindowContents<T, T, W> {
  override readonly layout = ' with the times of the records, for an evictor';
  readonly #schema: Schema<StoredElement<T>>;
  readonly #evictor: Evictor<T, W>;
  #list: ListState<StoredElement<T>> & NamespacedState = undefined as never;
  #elements: readonly TimestampedValue<T>[] = [];
  #context: OperatorEvictorContext = undefined as never;

  constructor(schema: Schema<T>, evictor: Evictor<T, W>) {
    super();
    this.#schema = record('tidemark.WindowElement', {
      timestampMs: optional(long()),
      value: schema,
    }) as unknown as Schema<StoredElement<T>>;
    this.#evictor = evictor;
  }

  open(backend: KeyedStateBackend, timers: TimerService): NamespacedState {
    this.#context = new OperatorEvictorContext(timers);
    this.#list = backend.state({ kind: 'list', name: STATE_NAME, schema: this.#schema, isNamespaced: true });
    return this.#list;
  }

  add(value: T, timestampMs: number): void {
    this.#list.add(stored(value, timestampMs));
  }

  elements(window: W): readonly T[] | undefined {
    const kept = this.#list.get();
    if (kept.length === 0) return undefined;
    const all = kept.map(({ value, timestampMs }) => ({ value, timestampMs: timestampMs ?? NO_TIMESTAMP }));
    this.#elements = this.#evictor.evictBefore(all, window, this.#context);
    return this.#elements.map(({ value }) => value);
  }

  override afterFire(window: W): void {
    const kept = this.#evictor.evictAfter(this.#elements, window, this.#context);
    this.#list.update(kept.map(({ value, timestampMs }) => stored(value, timestampMs)));
    this.#elements = [];
  }

  clear(): void {
    this.#list.clear();
  }
}

function stored<T>(value: T, timestampMs: number): StoredElement<T> {
  return hasTimestamp(timestampMs) ? { timestampMs, value } : { value };
}

class OperatorEvictorContext implements EvictorContext {
  readonly #timers: TimerService;

  constructor(timers: TimerService) {
    this.#timers = timers;
  }

  get currentWatermarkMs(): number {
    return this.#timers.currentWatermarkMs();
  }

  get currentProcessingTimeMs(): number {
    return this.#timers.currentProcessingTimeMs();
  }
}
