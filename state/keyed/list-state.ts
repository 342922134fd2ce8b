import type { Namespace } from './key.ts';
import type { SlotAccess } from './slot-access.ts';
import type { Stamped } from './stamped.ts';
import type { ListState, NamespacedState } from './state.ts';
import type { TtlClock } from './ttl-clock.ts';

const EMPTY: readonly never[] = Object.freeze([]);
/** Heap bytes of an element of unknown size, for the estimate until the page is encoded. */
const ELEMENT_BYTES = 64;

export class PagedListState<T> implements ListState<T>, NamespacedState {
  readonly #slot: SlotAccess;

  constructor(slot: SlotAccess) {
    this.#slot = slot;
  }

  get(): readonly T[] {
    return (this.#slot.get() as T[] | undefined) ?? EMPTY;
  }

  add(value: T): void {
    const elements = this.#slot.get() as T[] | undefined;
    if (elements === undefined) this.#slot.set([value]);
    else elements.push(value);
    this.#slot.touch(ELEMENT_BYTES);
  }

  addAll(values: readonly T[]): void {
    if (values.length === 0) return;
    const elements = this.#slot.get() as T[] | undefined;
    if (elements === undefined) this.#slot.set(values.slice());
    else for (let i = 0; i < values.length; i++) elements.push(values[i]!);
    this.#slot.touch(ELEMENT_BYTES * values.length);
  }

  update(values: readonly T[]): void {
    this.#slot.set(values.length === 0 ? undefined : values.slice());
    this.#slot.touch(0);
  }

  clear(): void {
    this.#slot.set(undefined);
  }

  setNamespace(namespace: Namespace): void {
    this.#slot.setNamespace(namespace);
  }

  mergeNamespaces(target: Namespace, sources: readonly Namespace[]): void {
    const merged: T[] = [];
    for (const source of sources) {
      this.#slot.setNamespace(source);
      for (const value of this.get()) merged.push(value);
      this.#slot.set(undefined);
    }
    this.#slot.setNamespace(target);
    this.addAll(merged);
  }
}

/** A list whose elements have a time-to-live each. */
export class TtlListState<T> implements ListState<T>, NamespacedState {
  readonly #slot: SlotAccess;
  readonly #ttl: TtlClock;

  constructor(slot: SlotAccess, ttl: TtlClock) {
    this.#slot = slot;
    this.#ttl = ttl;
  }

  get(): readonly T[] {
    const stored = this.#slot.get() as Stamped[] | undefined;
    if (stored === undefined) return EMPTY;
    const values: T[] = [];
    const kept: Stamped[] = [];
    let isChanged = false;
    for (const stamped of stored) {
      const isExpired = this.#ttl.isExpired(stamped);
      if (!isExpired) {
        kept.push(stamped);
        if (this.#ttl.refresh(stamped)) isChanged = true;
      }
      if (!isExpired || this.#ttl.returnsExpired) values.push(stamped.value as T);
    }
    if (kept.length < stored.length) this.#slot.set(kept.length === 0 ? undefined : kept);
    else if (isChanged) this.#slot.touch(0);
    return values;
  }

  add(value: T): void {
    const stored = this.#slot.get() as Stamped[] | undefined;
    const stamped = this.#ttl.stamp(value);
    if (stored === undefined) this.#slot.set([stamped]);
    else stored.push(stamped);
    this.#slot.touch(ELEMENT_BYTES);
  }

  addAll(values: readonly T[]): void {
    for (const value of values) this.add(value);
  }

  update(values: readonly T[]): void {
    this.#slot.set(values.length === 0 ? undefined : values.map((value) => this.#ttl.stamp(value)));
  }

  clear(): void {
    this.#slot.set(undefined);
  }

  setNamespace(namespace: Namespace): void {
    this.#slot.setNamespace(namespace);
  }

  mergeNamespaces(target: Namespace, sources: readonly Namespace[]): void {
    const merged: Stamped[] = [];
    for (const source of sources) {
      this.#slot.setNamespace(source);
      merged.push(...((this.#slot.get() as Stamped[] | undefined) ?? EMPTY));
      this.#slot.set(undefined);
    }
    this.#slot.setNamespace(target);
    if (merged.length === 0) return;
    this.#slot.set([...((this.#slot.get() as Stamped[] | undefined) ?? EMPTY), ...merged]);
  }
}
