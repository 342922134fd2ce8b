import type { Key, Namespace } from '../../../state/keyed/key.ts';
import type { KeyedStateBackend, OnTimer } from '../../../state/keyed/keyed-state-backend.ts';
import type { NamespacedState, StateDescriptor, StateOf } from '../../../state/keyed/state.ts';
import { createTtlState, type TtlTime } from './memory-ttl-state.ts';
import { VOID_NAMESPACE } from '../../../state/keyed/key.ts';

interface Timer {
  readonly key: Key;
  readonly namespace: Namespace;
  readonly timestampMs: number;
}

/** State and timers of a `MemoryKeyedStateBackend`, detached from it. */
export interface MemoryKeyedStateSnapshot {
  readonly contents: Map<string, unknown>;
  readonly eventTimers: Timer[];
  readonly processingTimers: Timer[];
}

/**
 * The oracle for keyed state: plain maps, everything copied on its way in and out, so that an operator that changes a
 * value without handing it back, or keeps one it was given, shows. No prefetch, no limits,
 * and what has expired stays until it is read.
 */
export class MemoryKeyedStateBackend implements KeyedStateBackend {
  readonly descriptors: StateDescriptor[] = [];
  /** By state, key and namespace. Absent when empty. */
  readonly #contents: Map<string, unknown>;
  readonly #eventTimers: Timer[];
  readonly #processingTimers: Timer[];
  readonly #eventTime: TtlTime = { nowMs: undefined, firstMs: undefined };
  readonly #processingTime: TtlTime = { nowMs: undefined, firstMs: undefined };
  #keys: readonly Key[] = [];
  #currentKey: Key | undefined;

  /** @param restored of every subtask there was. @param isMine whether a key belongs to this one. */
  constructor(restored: readonly MemoryKeyedStateSnapshot[] = [], isMine: (key: Key) => boolean = () => true) {
    const mine = structuredClone(restored);
    this.#contents = new Map(
      mine.flatMap(({ contents }) => [...contents].filter(([id]) => isMine(keyOf(id.split('\n')[1]!)))),
    );
    this.#eventTimers = mine.flatMap(({ eventTimers }) => eventTimers.filter(({ key }) => isMine(key)));
    this.#processingTimers = mine.flatMap(({ processingTimers }) => processingTimers.filter(({ key }) => isMine(key)));
  }

  state<D extends StateDescriptor>(descriptor: D): StateOf<D> & NamespacedState {
    if (this.descriptors.some((other) => other.name === descriptor.name))
      throw new Error(`state ${descriptor.name} is declared twice`);
    this.descriptors.push(descriptor);
    const cell = new Cell(this.#contents, descriptor, () => this.currentKey());
    if (descriptor.ttl === undefined) return createState(descriptor, cell) as StateOf<D> & NamespacedState;
    const time = descriptor.ttl.timeDomain === 'eventTime' ? this.#eventTime : this.#processingTime;
    return createTtlState(descriptor, cell, time) as StateOf<D> & NamespacedState;
  }

  prepare(keys: readonly Key[], _from: number, to: number): number {
    this.#keys = keys;
    return to;
  }

  select(index: number): void {
    this.#currentKey = this.#keys[index];
  }

  setCurrentKey(key: Key): void {
    this.#currentKey = key;
  }

  currentKey(): Key {
    if (this.#currentKey === undefined) throw new Error('there is no current key');
    return this.#currentKey;
  }

  clearCurrentKey(): void {
    this.#currentKey = undefined;
  }

  forEachKey(visit: (key: Key) => void): void {
    const stored = [...this.#contents.keys()].map((id) => keyOf(id.split('\n')[1]!));
    const withTimers = [...this.#eventTimers, ...this.#processingTimers].map(({ key }) => key);
    const keys = new Set([...stored, ...withTimers]);
    for (const key of keys) {
      this.#currentKey = key;
      visit(key);
    }
    this.#currentKey = undefined;
  }

  inspect(): never {
    throw new Error('the oracle backend is not asked from outside');
  }

  registerEventTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#register(this.#eventTimers, namespace, timestampMs);
  }

  deleteEventTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#delete(this.#eventTimers, namespace, timestampMs);
  }

  registerProcessingTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#register(this.#processingTimers, namespace, timestampMs);
  }

  deleteProcessingTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#delete(this.#processingTimers, namespace, timestampMs);
  }

  fireEventTimeTimers(watermarkMs: number, countMax: number, onTimer: OnTimer): boolean {
    return this.#fire(this.#eventTimers, watermarkMs, countMax, onTimer);
  }

  fireProcessingTimeTimers(nowMs: number, countMax: number, onTimer: OnTimer): boolean {
    return this.#fire(this.#processingTimers, nowMs, countMax, onTimer);
  }

  nextProcessingTimeTimerMs(): number | undefined {
    return this.#processingTimers[first(this.#processingTimers)]?.timestampMs;
  }

  eventTimeTimerCount(): number {
    return this.#eventTimers.length;
  }

  processingTimeTimerCount(): number {
    return this.#processingTimers.length;
  }

  setWatermark(watermarkMs: number): void {
    tell(this.#eventTime, watermarkMs);
  }

  setProcessingTime(nowMs: number): void {
    tell(this.#processingTime, nowMs);
  }

  snapshot(): never {
    throw new Error('the oracle backend writes no files: use copy()');
  }

  copy(): MemoryKeyedStateSnapshot {
    return structuredClone({
      contents: this.#contents,
      eventTimers: this.#eventTimers,
      processingTimers: this.#processingTimers,
    });
  }

  pageCount(): number {
    const keys = [...this.#contents.keys()].map((id) => id.split('\n')[1]);
    return new Set([...keys, ...[...this.#eventTimers, ...this.#processingTimers].map(({ key }) => keyText(key))]).size;
  }

  memoryBytes(): { decoded: number; encoded: number; store: number } {
    return { decoded: 0, encoded: 0, store: 0 };
  }

  async close(): Promise<void> {}

  #register(timers: Timer[], namespace: Namespace, timestampMs: number): void {
    const key = this.currentKey();
    if (find(timers, key, namespace, timestampMs) < 0) timers.push({ key, namespace, timestampMs });
  }

  #delete(timers: Timer[], namespace: Namespace, timestampMs: number): void {
    const at = find(timers, this.currentKey(), namespace, timestampMs);
    if (at >= 0) timers.splice(at, 1);
  }

  #fire(timers: Timer[], untilMs: number, countMax: number, onTimer: OnTimer): boolean {
    for (let count = 0; ; count++) {
      const at = first(timers);
      const timer = timers[at];
      if (timer === undefined || timer.timestampMs > untilMs) return true;
      if (count >= countMax) return false;
      timers.splice(at, 1);
      this.#currentKey = timer.key;
      onTimer(timer.timestampMs, timer.namespace);
    }
  }
}

function tell(time: TtlTime, nowMs: number): void {
  time.nowMs = nowMs;
  time.firstMs ??= nowMs;
}

function find(timers: readonly Timer[], key: Key, namespace: Namespace, timestampMs: number): number {
  return timers.findIndex(
    (timer) => timer.key === key && timer.namespace === namespace && timer.timestampMs === timestampMs,
  );
}

/** Index of the earliest timer, the first registered among equals; -1 when there is none. */
function first(timers: readonly Timer[]): number {
  let at = -1;
  for (let i = 0; i < timers.length; i++) if (at < 0 || timers[i]!.timestampMs < timers[at]!.timestampMs) at = i;
  return at;
}

/** The inverse of `keyText`. */
function keyOf(text: string): Key {
  const at = text.indexOf(':');
  const content = text.slice(at + 1);
  switch (text.slice(0, at)) {
    case 'number':
      return Number(content);
    case 'bigint':
      return BigInt(content);
    case 'boolean':
      return content === 'true';
    default:
      return content;
  }
}

function keyText(key: Key): string {
  return `${typeof key}:${String(key)}`;
}

/** A state's content for the current key and namespace, copied on its way in and out. */
class Cell {
  readonly #contents: Map<string, unknown>;
  readonly #descriptor: StateDescriptor;
  readonly #key: () => Key;
  #namespace: Namespace = VOID_NAMESPACE;

  constructor(contents: Map<string, unknown>, descriptor: StateDescriptor, key: () => Key) {
    this.#contents = contents;
    this.#descriptor = descriptor;
    this.#key = key;
  }

  get(): unknown {
    return structuredClone(this.#contents.get(this.#id()));
  }

  set(content: unknown): void {
    if (content === undefined) this.#contents.delete(this.#id());
    else this.#contents.set(this.#id(), structuredClone(content));
  }

  setNamespace(namespace: Namespace): void {
    if (this.#descriptor.isNamespaced !== true) throw new Error(`state ${this.#descriptor.name} has no namespaces`);
    this.#namespace = namespace;
  }

  merge(target: Namespace, sources: readonly Namespace[], fold: (a: unknown, b: unknown) => unknown): void {
    let merged: unknown = undefined;
    for (const namespace of [target, ...sources]) {
      this.#namespace = namespace;
      const content = this.get();
      this.set(undefined);
      if (content !== undefined) merged = merged === undefined ? content : fold(merged, content);
    }
    this.#namespace = target;
    this.set(merged);
  }

  #id(): string {
    return `${this.#descriptor.name}\n${keyText(this.#key())}\n${typeof this.#namespace}:${this.#namespace}`;
  }
}

function createState(descriptor: StateDescriptor, cell: Cell): unknown {
  const common = {
    clear: () => cell.set(undefined),
    setNamespace: (namespace: Namespace) => cell.setNamespace(namespace),
  };
  const merge = (fold: (a: unknown, b: unknown) => unknown) => (target: Namespace, sources: readonly Namespace[]) =>
    cell.merge(target, sources, fold);
  const refuse = (): never => {
    throw new Error(`a ${descriptor.kind} state cannot be merged`);
  };
  switch (descriptor.kind) {
    case 'value':
      return {
        ...common,
        value: () => cell.get(),
        update: (value: unknown) => cell.set(value),
        mergeNamespaces: refuse,
      };
    case 'list': {
      const get = (): unknown[] => (cell.get() as unknown[] | undefined) ?? [];
      const update = (values: readonly unknown[]): void => cell.set(values.length === 0 ? undefined : values);
      return {
        ...common,
        get,
        update,
        add: (value: unknown) => update([...get(), value]),
        addAll: (values: readonly unknown[]) => update([...get(), ...values]),
        mergeNamespaces: merge((a, b) => [...(a as unknown[]), ...(b as unknown[])]),
      };
    }
    case 'map': {
      const map = (): Map<unknown, unknown> =>
        (cell.get() as Map<unknown, unknown> | undefined) ?? new Map<unknown, unknown>();
      const change = (edit: (entries: Map<unknown, unknown>) => void): void => {
        const entries = map();
        edit(entries);
        cell.set(entries.size === 0 ? undefined : entries);
      };
      return {
        ...common,
        get: (key: unknown) => map().get(key),
        has: (key: unknown) => map().has(key),
        set: (key: unknown, value: unknown) => change((entries) => void entries.set(key, value)),
        delete: (key: unknown) => change((entries) => void entries.delete(key)),
        entries: () => map().entries(),
        keys: () => map().keys(),
        values: () => map().values(),
        isEmpty: () => map().size === 0,
        mergeNamespaces: refuse,
      };
    }
    case 'reducing':
      return {
        ...common,
        get: () => cell.get(),
        add: (value: unknown) => {
          const before = cell.get();
          cell.set(before === undefined ? value : descriptor.reduce(before, value));
        },
        mergeNamespaces: merge((a, b) => descriptor.reduce(a, b)),
      };
    case 'aggregating':
      return {
        ...common,
        get: () => {
          const accumulator = cell.get();
          return accumulator === undefined ? undefined : descriptor.getResult(accumulator);
        },
        add: (value: unknown) => cell.set(descriptor.add(cell.get() ?? descriptor.createAccumulator(), value)),
        mergeNamespaces: merge((a, b) => descriptor.merge(a, b)),
      };
  }
}
