import type { BroadcastState, OperatorStateBackend } from '../../engine/task/operator-state.ts';
import type { Schema } from '../../state/schema/schema.ts';

/** A broadcast state as a function declares it: everything but the name, which is the property it is declared under. */
export interface BroadcastStateSpec<K extends string | number = string | number, V = unknown> {
  readonly keySchema: Schema<K>;
  readonly schema: Schema<V>;
}

export type BroadcastStateSpecs = Readonly<Record<string, BroadcastStateSpec>>;

/** A broadcast state as the keyed side sees it. Entries come in the order in which they were first set. */
export interface ReadOnlyBroadcastState<K extends string | number, V> extends Iterable<[K, V]> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  keys(): Iterable<K>;
  values(): Iterable<V>;
  readonly size: number;
}

/** The writable handles of declared broadcast states. */
export type BroadcastHandles<BS> = {
  readonly [N in keyof BS]: BS[N] extends BroadcastStateSpec<infer K, infer V> ? BroadcastState<K, V> : never;
};

export type ReadOnlyBroadcastHandles<BS> = {
  readonly [N in keyof BS]: BS[N] extends BroadcastStateSpec<infer K, infer V> ? ReadOnlyBroadcastState<K, V> : never;
};

/**
 * A map that every subtask holds whole, in memory: rules, dimensions, switches. Only the broadcast side writes it.
 *
 * @param keySchema of a string or number.
 */
export function broadcastState<K extends string | number, V>(
  keySchema: Schema<K>,
  schema: Schema<V>,
): BroadcastStateSpec<K, V> {
  return { keySchema, schema };
}

/** Both kinds of handles of the states declared. Only before the first record. */
export function openBroadcastStates<BS extends BroadcastStateSpecs>(
  specs: BS | undefined,
  backend: OperatorStateBackend,
): { readonly writable: BroadcastHandles<BS>; readonly readOnly: ReadOnlyBroadcastHandles<BS> } {
  const writable: Record<string, unknown> = {};
  const readOnly: Record<string, unknown> = {};
  for (const [name, { keySchema, schema }] of Object.entries(specs ?? {})) {
    const state = backend.broadcastState({ name, keySchema, schema });
    writable[name] = state;
    readOnly[name] = new ReadOnlyView(state);
  }
  return { writable, readOnly } as never;
}

/** Has no methods that write, for those who write without types too. */
class ReadOnlyView<K extends string | number, V> implements ReadOnlyBroadcastState<K, V> {
  readonly #state: BroadcastState<K, V>;

  constructor(state: BroadcastState<K, V>) {
    this.#state = state;
  }

  get size(): number {
    return this.#state.size;
  }

  get(key: K): V | undefined {
    return this.#state.get(key);
  }

  has(key: K): boolean {
    return this.#state.has(key);
  }

  keys(): Iterable<K> {
    return this.#state.keys();
  }

  values(): Iterable<V> {
    return this.#state.values();
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return this.#state[Symbol.iterator]();
  }
}
