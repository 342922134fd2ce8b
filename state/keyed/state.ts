import type { Schema } from '../schema/schema.ts';
import type { Namespace } from './key.ts';

/** Time-to-live of an entry; its clock is event time (the operator's watermark) or processing time. Off by default. */
export interface StateTtl {
  readonly timeToLiveMs: number;
  readonly timeDomain: 'eventTime' | 'processingTime';
  /** Default `onCreateAndWrite`. */
  readonly update?: 'onCreateAndWrite' | 'onReadAndWrite' | undefined;
  /** Default `neverReturnExpired`. */
  readonly visibility?: 'neverReturnExpired' | 'returnExpiredIfNotCleanedUp' | undefined;
}

/** Declares a state before it is used: what it is called in checkpoints, and how its values are written. */
export type StateDescriptor =
  | ValueStateDescriptor<unknown>
  | ListStateDescriptor<unknown>
  | MapStateDescriptor<unknown, unknown>
  | ReducingStateDescriptor<unknown>
  | AggregatingStateDescriptor<unknown, unknown, unknown>;

interface DescriptorBase {
  readonly name: string;
  readonly ttl?: StateTtl | undefined;
  /** True: one value per (key, namespace), reached after `setNamespace`. Default false: one value per key. */
  readonly isNamespaced?: boolean | undefined;
}

export interface ValueStateDescriptor<T> extends DescriptorBase {
  readonly kind: 'value';
  readonly schema: Schema<T>;
}

export interface ListStateDescriptor<T> extends DescriptorBase {
  readonly kind: 'list';
  readonly schema: Schema<T>;
}

export interface MapStateDescriptor<K, V> extends DescriptorBase {
  readonly kind: 'map';
  readonly keySchema: Schema<K>;
  readonly schema: Schema<V>;
}

export interface ReducingStateDescriptor<T> extends DescriptorBase {
  readonly kind: 'reducing';
  readonly schema: Schema<T>;
  // Method syntax on purpose: descriptors of any type can stand in one list.
  reduce(accumulated: T, value: T): T;
}

export interface AggregatingStateDescriptor<IN, ACC, OUT> extends DescriptorBase {
  readonly kind: 'aggregating';
  readonly schema: Schema<ACC>;
  createAccumulator(): ACC;
  add(accumulator: ACC, value: IN): ACC;
  getResult(accumulator: ACC): OUT;
  merge(a: ACC, b: ACC): ACC;
}

/** All states: scoped to the current key (and namespace); synchronous; a value read must be handed to `update` to change it. */
export interface State {
  clear(): void;
}

/** Scopes the next accesses of a namespaced state. */
export interface NamespacedState {
  setNamespace(namespace: Namespace): void;
  /** Folds the contents of `sources` into `target` and clears the sources (list, reducing, aggregating only). */
  mergeNamespaces(target: Namespace, sources: readonly Namespace[]): void;
}

export interface ValueState<T> extends State {
  /** The value, or undefined when there is none. */
  value(): T | undefined;
  /**
   * Sets the value; undefined clears.
   *
   * @param addedBytes by how many heap bytes it has grown, about: for values that grow by and by, so that the cache keeps to
   * its budget. Default: not known before the value is stored.
   */
  update(value: T | undefined, addedBytes?: number): void;
}

export interface ListState<T> extends State {
  /** The elements in the order they were added; empty when there are none. Not to be changed by the caller. */
  get(): readonly T[];
  add(value: T): void;
  addAll(values: readonly T[]): void;
  /** Replaces the elements; an empty list clears. */
  update(values: readonly T[]): void;
}

export interface MapState<K, V> extends State {
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
  delete(key: K): void;
  /** In insertion order of the decoded page; no order is promised across checkpoints. */
  entries(): Iterable<[K, V]>;
  keys(): Iterable<K>;
  values(): Iterable<V>;
  isEmpty(): boolean;
}

export interface ReducingState<T> extends State {
  get(): T | undefined;
  add(value: T): void;
}

export interface AggregatingState<IN, OUT> extends State {
  get(): OUT | undefined;
  add(value: IN): void;
}

/** The handle that belongs to a descriptor. */
export type StateOf<D> =
  D extends ValueStateDescriptor<infer T>
    ? ValueState<T>
    : D extends ListStateDescriptor<infer T>
      ? ListState<T>
      : D extends MapStateDescriptor<infer K, infer V>
        ? MapState<K, V>
        : D extends ReducingStateDescriptor<infer T>
          ? ReducingState<T>
          : D extends AggregatingStateDescriptor<infer IN, unknown, infer OUT>
            ? AggregatingState<IN, OUT>
            : never;
