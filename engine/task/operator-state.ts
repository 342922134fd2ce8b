import type { Schema } from '../../state/schema/schema.ts';

/**
 * State of a subtask, not of a key: small, in memory, written whole at every checkpoint. `list` is dealt round robin on a
 * change of parallelism, `union` gives everyone everything, `broadcast` is the same on all and copied.
 */
export interface OperatorStateBackend {
  listState<T>(descriptor: OperatorStateDescriptor<T>): OperatorListState<T>;
  unionListState<T>(descriptor: OperatorStateDescriptor<T>): OperatorListState<T>;
  broadcastState<K extends string | number, V>(descriptor: BroadcastStateDescriptor<K, V>): BroadcastState<K, V>;
}

export interface OperatorStateDescriptor<T> {
  readonly name: string;
  readonly schema: Schema<T>;
}

export interface BroadcastStateDescriptor<K, V> {
  readonly name: string;
  readonly keySchema: Schema<K>;
  readonly schema: Schema<V>;
}

export interface OperatorListState<T> {
  get(): readonly T[];
  add(value: T): void;
  update(values: readonly T[]): void;
}

export interface BroadcastState<K, V> extends Iterable<[K, V]> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
  delete(key: K): void;
  clear(): void;
  keys(): Iterable<K>;
  values(): Iterable<V>;
  readonly size: number;
}
