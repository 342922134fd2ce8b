import type { Namespace } from './key.ts';
import { disposeContent, type LargeFactory } from './large-factory.ts';
import { LargeList } from './large-list.ts';
import type { SlotAccess } from './slot-access.ts';
import type { Stamped } from './stamped.ts';
import type { ListState, NamespacedState } from './state.ts';
import type { TtlClock } from './ttl-clock.ts';

const EMPTY: readonly never[] = Object.freeze([]);

/** What list states with and without time-to-live share: a content that is an array, or a large list. */
class ListContent {
  readonly #slot: SlotAccess;
  readonly #large: LargeFactory;

  constructor(slot: SlotAccess, large: LargeFactory) {
    this.#slot = slot;
    this.#large = large;
  }

  elements(): readonly unknown[] {
    const content = this.#slot.get();
    if (content === undefined) return EMPTY;
    return content instanceof LargeList ? content.toArray() : (content as readonly unknown[]);
  }

  add(element: unknown): void {
    const content = this.#slot.get();
    if (content === undefined) {
      this.#slot.set([element]);
    } else if (content instanceof LargeList) {
      content.push(element, this.#large.partLength);
      this.#slot.touch(0);
      return;
    } else {
      const elements = content as unknown[];
      elements.push(element);
      if (this.#large.isTooLarge(elements.length)) this.#slot.set(this.#large.list(elements));
    }
    this.#slot.touch(this.#large.elementHeapBytes);
  }

  /** Takes the array over. */
  replace(elements: unknown[]): void {
    disposeContent(this.#slot.get());
    if (elements.length === 0) {
      this.#slot.set(undefined);
      return;
    }
    const isLarge = this.#large.isTooLarge(elements.length);
    this.#slot.set(isLarge ? this.#large.list(elements) : elements);
    if (!isLarge) this.#slot.touch(this.#large.elementHeapBytes * elements.length);
  }

  clear(): void {
    disposeContent(this.#slot.get());
    this.#slot.set(undefined);
  }

  touch(): void {
    this.#slot.touch(0);
  }

  setNamespace(namespace: Namespace): void {
    this.#slot.setNamespace(namespace);
  }

  merge(target: Namespace, sources: readonly Namespace[]): void {
    const merged: unknown[] = [];
    for (const source of sources) {
      this.#slot.setNamespace(source);
      for (const element of this.elements()) merged.push(element);
      this.clear();
    }
    this.#slot.setNamespace(target);
    for (const element of merged) this.add(element);
  }
}

export class PagedListState<T> implements ListState<T>, NamespacedState {
  readonly #content: ListContent;

  constructor(slot: SlotAccess, large: LargeFactory) {
    this.#content = new ListContent(slot, large);
  }

  get(): readonly T[] {
    return this.#content.elements() as readonly T[];
  }

  add(value: T): void {
    this.#content.add(value);
  }

  addAll(values: readonly T[]): void {
    for (let i = 0; i < values.length; i++) this.#content.add(values[i]);
  }

  update(values: readonly T[]): void {
    this.#content.replace(values.slice());
  }

  clear(): void {
    this.#content.clear();
  }

  setNamespace(namespace: Namespace): void {
    this.#content.setNamespace(namespace);
  }

  mergeNamespaces(target: Namespace, sources: readonly Namespace[]): void {
    this.#content.merge(target, sources);
  }
}

/** A list whose elements have a time-to-live each. */
export class TtlListState<T> implements ListState<T>, NamespacedState {
  readonly #content: ListContent;
  readonly #ttl: TtlClock;

  constructor(slot: SlotAccess, large: LargeFactory, ttl: TtlClock) {
    this.#content = new ListContent(slot, large);
    this.#ttl = ttl;
  }

  get(): readonly T[] {
    const stored = this.#content.elements() as readonly Stamped[];
    if (stored.length === 0) return EMPTY;
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
    if (isChanged || kept.length < stored.length) this.#content.replace(kept);
    return values;
  }

  add(value: T): void {
    this.#content.add(this.#ttl.stamp(value));
  }

  addAll(values: readonly T[]): void {
    for (const value of values) this.add(value);
  }

  update(values: readonly T[]): void {
    this.#content.replace(values.map((value) => this.#ttl.stamp(value)));
  }

  clear(): void {
    this.#content.clear();
  }

  setNamespace(namespace: Namespace): void {
    this.#content.setNamespace(namespace);
  }

  mergeNamespaces(target: Namespace, sources: readonly Namespace[]): void {
    this.#content.merge(target, sources);
  }
}
