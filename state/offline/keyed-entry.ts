import type { Key, Namespace } from '../keyed/key.ts';
import type {
  AggregatingStateDescriptor,
  ListStateDescriptor,
  MapStateDescriptor,
  ReducingStateDescriptor,
  StateDescriptor,
  ValueStateDescriptor,
} from '../keyed/state.ts';

/** A state as a process function declares it: `valueState(long())` and its like fit. */
export interface OfflineStateSpec<D extends StateDescriptor = StateDescriptor> {
  toDescriptor(name: string): D;
}

/** A state that is kept per namespace, as windows keep theirs. Made by `perNamespace`. */
export interface NamespacedStateSpec<D extends StateDescriptor = StateDescriptor> extends OfflineStateSpec<D> {
  readonly isNamespaced: true;
}

export type OfflineStateSpecs = Readonly<Record<string, OfflineStateSpec>>;

/** A state kept per namespace (window): its contents come as a map by namespace. */
export function perNamespace<D extends StateDescriptor>(spec: OfflineStateSpec<D>): NamespacedStateSpec<D> {
  return { isNamespaced: true, toDescriptor: (name) => ({ ...spec.toDescriptor(name), isNamespaced: true }) };
}

/** What a state holds for one key: of reducing and aggregating states the accumulator. */
export type ContentOf<D> =
  D extends ValueStateDescriptor<infer T>
    ? T
    : D extends ListStateDescriptor<infer T>
      ? readonly T[]
      : D extends MapStateDescriptor<infer K, infer V>
        ? ReadonlyMap<K, V>
        : D extends ReducingStateDescriptor<infer T>
          ? T
          : D extends AggregatingStateDescriptor<infer _IN, infer ACC, infer _OUT>
            ? ACC
            : never;

/** Contents by the name of the state; undefined where a key has none. */
export type ContentsOf<S extends OfflineStateSpecs> = {
  readonly [N in keyof S]?:
    | (S[N] extends NamespacedStateSpec<infer D>
        ? ReadonlyMap<Namespace, ContentOf<D>>
        : S[N] extends OfflineStateSpec<infer D>
          ? ContentOf<D>
          : never)
    | undefined;
};

export interface OfflineTimer {
  readonly timeDomain: 'eventTime' | 'processingTime';
  readonly timestampMs: number;
  /** 0 where timers have none. */
  readonly namespace: Namespace;
}

/**
 * When what a state with time-to-live holds was written last, milliseconds, in the shape of its contents: a number for a
 * value or an accumulator, a list of numbers, a map of numbers. Undefined: it counts from the first time known.
 */
export type WrittenAt =
  | number
  | undefined
  | readonly (number | undefined)[]
  | ReadonlyMap<unknown, number | undefined>
  | ReadonlyMap<unknown, WrittenAt>;

/** Everything an operator keeps for one key. */
export interface KeyedEntry<S extends OfflineStateSpecs = OfflineStateSpecs> {
  readonly key: Key;
  readonly state: ContentsOf<S>;
  /** In order of time. Default when writing: none. */
  readonly timers?: readonly OfflineTimer[] | undefined;
  /** By the name of the state; only of those with time-to-live. Default when writing: unknown. */
  readonly writtenAt?: Readonly<Record<string, WrittenAt>> | undefined;
}

/** An entry that was read. */
export interface StoredKeyedEntry<S extends OfflineStateSpecs = OfflineStateSpecs> extends KeyedEntry<S> {
  readonly keyGroup: number;
  readonly timers: readonly OfflineTimer[];
  readonly writtenAt: Readonly<Record<string, WrittenAt>>;
}
