import type { Namespace } from './key.ts';
import { mergeRefused } from './merge-refused.ts';
import type { SlotAccess } from './slot-access.ts';
import type { NamespacedState, ValueState } from './state.ts';
import type { Stamped } from './stamped.ts';
import type { TtlClock } from './ttl-clock.ts';

export class PagedValueState<T> implements ValueState<T>, NamespacedState {
  readonly #slot: SlotAccess;
  readonly #name: string;

  constructor(slot: SlotAccess, name: string) {
    this.#slot = slot;
    this.#name = name;
  }

  value(): T | undefined {
    return this.#slot.get() as T | undefined;
  }

  update(value: T | undefined, addedBytes?: number): void {
    this.#slot.set(value);
    if (addedBytes !== undefined) this.#slot.touch(addedBytes);
  }

  clear(): void {
    this.#slot.set(undefined);
  }

  setNamespace(namespace: Namespace): void {
    this.#slot.setNamespace(namespace);
  }

  mergeNamespaces(): void {
    throw mergeRefused(this.#name, 'value');
  }
}

/** A value with time-to-live. */
export class TtlValueState<T> implements ValueState<T>, NamespacedState {
  readonly #slot: SlotAccess;
  readonly #name: string;
  readonly #ttl: TtlClock;

  constructor(slot: SlotAccess, name: string, ttl: TtlClock) {
    this.#slot = slot;
    this.#name = name;
    this.#ttl = ttl;
  }

  value(): T | undefined {
    const stamped = this.#slot.get() as Stamped | undefined;
    if (stamped === undefined) return undefined;
    if (this.#ttl.isExpired(stamped)) {
      this.#slot.set(undefined);
      return this.#ttl.returnsExpired ? (stamped.value as T) : undefined;
    }
    if (this.#ttl.refresh(stamped)) this.#slot.touch(0);
    return stamped.value as T;
  }

  update(value: T | undefined): void {
    if (value === undefined) this.#slot.set(undefined);
    else this.#slot.set(this.#ttl.stamp(value));
  }

  clear(): void {
    this.#slot.set(undefined);
  }

  setNamespace(namespace: Namespace): void {
    this.#slot.setNamespace(namespace);
  }

  mergeNamespaces(): void {
    throw mergeRefused(this.#name, 'value');
  }
}
