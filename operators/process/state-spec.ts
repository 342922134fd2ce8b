import type { Schema } from '../../state/schema/schema.ts';
import type {
  AggregatingStateDescriptor,
  ListStateDescriptor,
  MapStateDescriptor,
  ReducingStateDescriptor,
  StateDescriptor,
  StateOf,
  StateTtl,
  ValueStateDescriptor,
} from '../../state/keyed/state.ts';
import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';

/** A state as a process function declares it: everything but the name, which is the property it is declared under. */
export interface StateSpec<D extends StateDescriptor = StateDescriptor> {
  /** @param name what the state is called in checkpoints. */
  toDescriptor(name: string): D;
}

export type StateSpecs = Readonly<Record<string, StateSpec>>;

/** The handles that belong to declared states. */
export type StateHandles<S> = { readonly [N in keyof S]: S[N] extends StateSpec<infer D> ? StateOf<D> : never };

/** Time-to-live: `{ eventTime: '30d' }` or `{ processingTime: '1h' }`. */
export type TtlOptions = ({ readonly eventTime: Duration } | { readonly processingTime: Duration }) & {
  /** Default `onCreateAndWrite`: a read does not prolong. */
  readonly update?: StateTtl['update'];
  /** Default `neverReturnExpired`. */
  readonly visibility?: StateTtl['visibility'];
};

export interface StateSpecOptions {
  /** Default: never. */
  readonly ttl?: TtlOptions | undefined;
}

/** An aggregation by accumulator. Accumulators are values: return a new one, or the same one changed. */
export interface AggregateFunction<IN, ACC, OUT> {
  readonly accumulatorSchema: Schema<ACC>;
  createAccumulator(): ACC;
  add(accumulator: ACC, value: IN): ACC;
  getResult(accumulator: ACC): OUT;
  /** Needed for windows that merge (sessions). */
  merge(a: ACC, b: ACC): ACC;
}

/** One value per key. */
export function valueState<T>(schema: Schema<T>, options: StateSpecOptions = {}): StateSpec<ValueStateDescriptor<T>> {
  const ttl = stateTtl(options);
  return { toDescriptor: (name) => ({ kind: 'value', name, schema, ttl }) };
}

/** Elements in the order they were added; TTL counts per element. */
export function listState<T>(schema: Schema<T>, options: StateSpecOptions = {}): StateSpec<ListStateDescriptor<T>> {
  const ttl = stateTtl(options);
  return { toDescriptor: (name) => ({ kind: 'list', name, schema, ttl }) };
}

/** A map per key; TTL counts per entry. */
export function mapState<K, V>(
  keySchema: Schema<K>,
  schema: Schema<V>,
  options: StateSpecOptions = {},
): StateSpec<MapStateDescriptor<K, V>> {
  const ttl = stateTtl(options);
  return { toDescriptor: (name) => ({ kind: 'map', name, keySchema, schema, ttl }) };
}

/** Keeps what all added values reduce to. */
export function reducingState<T>(
  schema: Schema<T>,
  reduce: (accumulated: T, value: T) => T,
  options: StateSpecOptions = {},
): StateSpec<ReducingStateDescriptor<T>> {
  const ttl = stateTtl(options);
  return { toDescriptor: (name) => ({ kind: 'reducing', name, schema, reduce, ttl }) };
}

/** Keeps an accumulator of all added values. */
export function aggregatingState<IN, ACC, OUT>(
  aggregate: AggregateFunction<IN, ACC, OUT>,
  options: StateSpecOptions = {},
): StateSpec<AggregatingStateDescriptor<IN, ACC, OUT>> {
  const ttl = stateTtl(options);
  return { toDescriptor: (name) => aggregatingDescriptor(name, aggregate, { ttl }) };
}

export function aggregatingDescriptor<IN, ACC, OUT>(
  name: string,
  aggregate: AggregateFunction<IN, ACC, OUT>,
  options: { readonly ttl?: StateTtl | undefined; readonly isNamespaced?: boolean } = {},
): AggregatingStateDescriptor<IN, ACC, OUT> {
  return {
    kind: 'aggregating',
    name,
    schema: aggregate.accumulatorSchema,
    createAccumulator: () => aggregate.createAccumulator(),
    add: (accumulator, value) => aggregate.add(accumulator, value),
    getResult: (accumulator) => aggregate.getResult(accumulator),
    merge: (a, b) => aggregate.merge(a, b),
    ...options,
  };
}

/** What time-to-live options say, for a state descriptor. @throws UserError CONFIGURATION for one that is not positive. */
export function stateTtl({ ttl }: StateSpecOptions): StateTtl | undefined {
  if (ttl === undefined) return undefined;
  const isEventTime = 'eventTime' in ttl;
  const timeToLiveMs = durationMs(isEventTime ? ttl.eventTime : ttl.processingTime);
  if (!(timeToLiveMs > 0))
    throw new UserError('CONFIGURATION', `a time-to-live must be positive, found ${timeToLiveMs} ms`);
  return {
    timeToLiveMs,
    timeDomain: isEventTime ? 'eventTime' : 'processingTime',
    update: ttl.update,
    visibility: ttl.visibility,
  };
}
