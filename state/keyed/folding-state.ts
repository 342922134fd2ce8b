import type { Namespace } from './key.ts';
import type { SlotAccess } from './slot-access.ts';
import type { Stamped } from './stamped.ts';
import type {
  AggregatingState,
  AggregatingStateDescriptor,
  NamespacedState,
  ReducingState,
  ReducingStateDescriptor,
} from './state.ts';
import type { TtlClock } from './ttl-clock.ts';

/** The accumulator of a reducing or aggregating state, with or without time-to-live. */
class Accumulator {
  readonly #slot: SlotAccess;
  readonly #ttl: TtlClock | undefined;

  constructor(slot: SlotAccess, ttl: TtlClock | undefined) {
    this.#slot = slot;
    this.#ttl = ttl;
  }

  /** For a read by the user: returns what has just expired when asked to, and refreshes. */
  read(): unknown {
    const content = this.#slot.get();
    if (this.#ttl === undefined || content === undefined) return content;
    const stamped = content as Stamped;
    if (this.#ttl.isExpired(stamped)) {
      this.#slot.set(undefined);
      return this.#ttl.returnsExpired ? stamped.value : undefined;
    }
    if (this.#ttl.refresh(stamped)) this.#slot.touch(0);
    return stamped.value;
  }

  /** For folding: what has expired counts only while reads would return it. */
  current(): unknown {
    return this.#unexpired(this.#slot.get());
  }

  set(value: unknown): void {
    this.#slot.set(this.#ttl === undefined || value === undefined ? value : this.#ttl.stamp(value));
  }

  setNamespace(namespace: Namespace): void {
    this.#slot.setNamespace(namespace);
  }

  /** What is moved without being folded keeps its time; what is folded is written now. */
  merge(target: Namespace, sources: readonly Namespace[], fold: (a: unknown, b: unknown) => unknown): void {
    let merged: unknown = undefined;
    for (const source of sources) {
      this.#slot.setNamespace(source);
      const content = this.#slot.get();
      if (content === undefined) continue;
      merged = merged === undefined ? content : this.#fold(merged, content, fold);
      this.#slot.set(undefined);
    }
    this.#slot.setNamespace(target);
    if (merged === undefined) return;
    const before = this.#slot.get();
    this.#slot.set(before === undefined ? merged : this.#fold(before, merged, fold));
  }

  #fold(a: unknown, b: unknown, fold: (a: unknown, b: unknown) => unknown): unknown {
    if (this.#ttl === undefined) return fold(a, b);
    const left = this.#unexpired(a);
    const right = this.#unexpired(b);
    const folded = left === undefined ? right : right === undefined ? left : fold(left, right);
    return folded === undefined ? undefined : this.#ttl.stamp(folded);
  }

  #unexpired(content: unknown): unknown {
    if (this.#ttl === undefined || content === undefined) return content;
    const stamped = content as Stamped;
    return this.#ttl.isExpired(stamped) && !this.#ttl.returnsExpired ? undefined : stamped.value;
  }
}

export class PagedReducingState<T> implements ReducingState<T>, NamespacedState {
  readonly #descriptor: ReducingStateDescriptor<T>;
  readonly #accumulator: Accumulator;

  constructor(descriptor: ReducingStateDescriptor<T>, slot: SlotAccess, ttl: TtlClock | undefined) {
    this.#descriptor = descriptor;
    this.#accumulator = new Accumulator(slot, ttl);
  }

  get(): T | undefined {
    return this.#accumulator.read() as T | undefined;
  }

  add(value: T): void {
    const before = this.#accumulator.current() as T | undefined;
    this.#accumulator.set(before === undefined ? value : this.#descriptor.reduce(before, value));
  }

  clear(): void {
    this.#accumulator.set(undefined);
  }

  setNamespace(namespace: Namespace): void {
    this.#accumulator.setNamespace(namespace);
  }

  mergeNamespaces(target: Namespace, sources: readonly Namespace[]): void {
    this.#accumulator.merge(target, sources, (a, b) => this.#descriptor.reduce(a as T, b as T));
  }
}

export class PagedAggregatingState<IN, ACC, OUT> implements AggregatingState<IN, OUT>, NamespacedState {
  readonly #descriptor: AggregatingStateDescriptor<IN, ACC, OUT>;
  readonly #accumulator: Accumulator;

  constructor(descriptor: AggregatingStateDescriptor<IN, ACC, OUT>, slot: SlotAccess, ttl: TtlClock | undefined) {
    this.#descriptor = descriptor;
    this.#accumulator = new Accumulator(slot, ttl);
  }

  get(): OUT | undefined {
    const accumulator = this.#accumulator.read() as ACC | undefined;
    return accumulator === undefined ? undefined : this.#descriptor.getResult(accumulator);
  }

  add(value: IN): void {
    const before = this.#accumulator.current() as ACC | undefined;
    this.#accumulator.set(this.#descriptor.add(before ?? this.#descriptor.createAccumulator(), value));
  }

  clear(): void {
    this.#accumulator.set(undefined);
  }

  setNamespace(namespace: Namespace): void {
    this.#accumulator.setNamespace(namespace);
  }

  mergeNamespaces(target: Namespace, sources: readonly Namespace[]): void {
    this.#accumulator.merge(target, sources, (a, b) => this.#descriptor.merge(a as ACC, b as ACC));
  }
}
