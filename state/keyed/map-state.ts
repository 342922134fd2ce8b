import type { Namespace } from './key.ts';
import { disposeContent, type LargeFactory } from './large-factory.ts';
import { LargeMap } from './large-map.ts';
import { mergeRefused } from './merge-refused.ts';
import type { SlotAccess } from './slot-access.ts';
import { MapEntry } from './slot-codec.ts';
import type { Stamped } from './stamped.ts';
import type { MapState, NamespacedState } from './state.ts';
import type { TtlClock } from './ttl-clock.ts';

const NO_ENTRIES: ReadonlyMap<never, never> = new Map<never, never>();

/** A map whose keys are primitives and whose entries do not expire: the content is the user's map itself. */
export class PagedMapState<K, V> implements MapState<K, V>, NamespacedState {
  readonly #slot: SlotAccess;
  readonly #large: LargeFactory;
  readonly #name: string;

  constructor(slot: SlotAccess, large: LargeFactory, name: string) {
    this.#slot = slot;
    this.#large = large;
    this.#name = name;
  }

  get(key: K): V | undefined {
    const entries = this.#slot.get() as Map<K, V> | undefined;
    return entries === undefined ? undefined : entries.get(key);
  }

  has(key: K): boolean {
    const entries = this.#slot.get() as Map<K, V> | undefined;
    return entries !== undefined && entries.has(key);
  }

  set(key: K, value: V): void {
    let entries = this.#slot.get() as Map<K, V> | undefined;
    if (entries === undefined) {
      entries = new Map();
      this.#slot.set(entries);
    }
    const sizeBefore = entries.size;
    entries.set(key, value);
    if (entries.size > sizeBefore) addedEntry(this.#slot, this.#large, entries);
    else this.#slot.touch(0);
  }

  delete(key: K): void {
    const entries = this.#slot.get() as Map<K, V> | undefined;
    if (entries === undefined || !entries.delete(key)) return;
    if (entries.size > 0) this.#slot.touch(0);
    else this.clear();
  }

  entries(): Iterable<[K, V]> {
    return this.#entries().entries();
  }

  keys(): Iterable<K> {
    return this.#entries().keys();
  }

  values(): Iterable<V> {
    return this.#entries().values();
  }

  isEmpty(): boolean {
    return this.#slot.get() === undefined;
  }

  clear(): void {
    disposeContent(this.#slot.get());
    this.#slot.set(undefined);
  }

  setNamespace(namespace: Namespace): void {
    this.#slot.setNamespace(namespace);
  }

  mergeNamespaces(): void {
    throw mergeRefused(this.#name, 'map');
  }

  #entries(): ReadonlyMap<K, V> {
    return (this.#slot.get() as Map<K, V> | undefined) ?? NO_ENTRIES;
  }
}

/** Splits a map that has become too large off its page; lets one that is split grow. */
function addedEntry(slot: SlotAccess, large: LargeFactory, entries: Map<unknown, unknown> | LargeMap): void {
  if (entries instanceof LargeMap) {
    entries.balance(large.partLength);
    slot.touch(0);
  } else {
    if (large.isTooLarge(entries.size)) slot.set(large.map(entries));
    slot.touch(large.elementHeapBytes);
  }
}

export interface GeneralMapOptions {
  readonly name: string;
  /** Text form of keys that are objects. */
  readonly keyText: ((key: unknown) => string) | undefined;
  readonly ttl: TtlClock | undefined;
  readonly large: LargeFactory;
}

/** A map whose keys may be objects (compared by value) and whose entries may expire. */
export class GeneralMapState<K, V> implements MapState<K, V>, NamespacedState {
  readonly #slot: SlotAccess;
  readonly #name: string;
  readonly #keyText: ((key: unknown) => string) | undefined;
  readonly #ttl: TtlClock | undefined;
  readonly #large: LargeFactory;

  constructor(slot: SlotAccess, options: GeneralMapOptions) {
    this.#slot = slot;
    this.#name = options.name;
    this.#keyText = options.keyText;
    this.#ttl = options.ttl;
    this.#large = options.large;
  }

  get(key: K): V | undefined {
    const stored = this.#slot.get() as Map<unknown, unknown> | undefined;
    if (stored === undefined) return undefined;
    const mapKey = this.#mapKey(key);
    const entry = stored.get(mapKey);
    if (entry === undefined) return undefined;
    return this.#look(stored, mapKey, entry);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  set(key: K, value: V): void {
    let stored = this.#slot.get() as Map<unknown, unknown> | undefined;
    if (stored === undefined) {
      stored = new Map();
      this.#slot.set(stored);
    }
    const content = this.#ttl === undefined ? value : this.#ttl.stamp(value);
    const sizeBefore = stored.size;
    stored.set(this.#mapKey(key), this.#keyText === undefined ? content : new MapEntry(key, content));
    if (stored.size > sizeBefore) addedEntry(this.#slot, this.#large, stored);
    else this.#slot.touch(0);
  }

  delete(key: K): void {
    const stored = this.#slot.get() as Map<unknown, unknown> | undefined;
    if (stored !== undefined) this.#remove(stored, this.#mapKey(key));
  }

  entries(): Iterable<[K, V]> {
    const found: [K, V][] = [];
    const stored = this.#slot.get() as Map<unknown, unknown> | undefined;
    if (stored === undefined) return found;
    for (const [mapKey, entry] of stored) {
      const value = this.#look(stored, mapKey, entry);
      if (value !== undefined) found.push([(entry instanceof MapEntry ? entry.key : mapKey) as K, value]);
    }
    return found;
  }

  *keys(): Iterable<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Iterable<V> {
    for (const [, value] of this.entries()) yield value;
  }

  /** Looks only: nothing is refreshed or cleaned up by it. */
  isEmpty(): boolean {
    const stored = this.#slot.get() as Map<unknown, unknown> | undefined;
    if (stored === undefined) return true;
    if (this.#ttl === undefined || this.#ttl.returnsExpired) return false;
    for (const entry of stored.values()) {
      const stamped = (entry instanceof MapEntry ? entry.value : entry) as Stamped;
      if (!this.#ttl.isExpired(stamped)) return false;
    }
    return true;
  }

  clear(): void {
    disposeContent(this.#slot.get());
    this.#slot.set(undefined);
  }

  setNamespace(namespace: Namespace): void {
    this.#slot.setNamespace(namespace);
  }

  mergeNamespaces(): void {
    throw mergeRefused(this.#name, 'map');
  }

  #mapKey(key: K): unknown {
    return this.#keyText === undefined ? key : this.#keyText(key);
  }

  #remove(stored: Map<unknown, unknown>, mapKey: unknown): void {
    if (!stored.delete(mapKey)) return;
    if (stored.size > 0) this.#slot.touch(0);
    else this.clear();
  }

  #look(stored: Map<unknown, unknown>, mapKey: unknown, entry: unknown): V | undefined {
    const content = entry instanceof MapEntry ? entry.value : entry;
    if (this.#ttl === undefined) return content as V;
    const stamped = content as Stamped;
    if (this.#ttl.isExpired(stamped)) {
      this.#remove(stored, mapKey);
      return this.#ttl.returnsExpired ? (stamped.value as V) : undefined;
    }
    if (this.#ttl.refresh(stamped)) {
      // So that a large map knows which part has changed.
      stored.set(mapKey, entry);
      this.#slot.touch(0);
    }
    return stamped.value as V;
  }
}
