import type { Namespace } from '../../../state/keyed/key.ts';
import type { StateDescriptor, StateTtl } from '../../../state/keyed/state.ts';

/** What a state of the oracle keeps, read and written as a whole. */
export interface TtlCell {
  get(): unknown;
  set(content: unknown): void;
  setNamespace(namespace: Namespace): void;
  merge(target: Namespace, sources: readonly Namespace[], fold: (a: unknown, b: unknown) => unknown): void;
}

/** A clock of the oracle: undefined until it is told a time, and the first time told. */
export interface TtlTime {
  nowMs: number | undefined;
  firstMs: number | undefined;
}

/** A value with the time of its last write (or read); undefined: before any time was known. */
interface Timed {
  readonly value: unknown;
  readonly atMs: number | undefined;
}

/** Flink's rules of time-to-live over whole contents; nothing is cleaned up but by a read. */
export function createTtlState(descriptor: StateDescriptor, cell: TtlCell, time: TtlTime): unknown {
  const ttl = new Ttl(descriptor.ttl!, time);
  const common = {
    clear: () => cell.set(undefined),
    setNamespace: (namespace: Namespace) => cell.setNamespace(namespace),
  };
  const refuse = (): never => {
    throw new Error(`a ${descriptor.kind} state cannot be merged`);
  };
  const readOne = (): unknown => {
    const read = ttl.read(cell.get() as Timed | undefined);
    cell.set(read.left);
    return read.value;
  };
  switch (descriptor.kind) {
    case 'value':
      return {
        ...common,
        value: readOne,
        update: (value: unknown) => cell.set(value === undefined ? undefined : ttl.stamp(value)),
        mergeNamespaces: refuse,
      };
    case 'list': {
      const elements = (): Timed[] => (cell.get() as Timed[] | undefined) ?? [];
      const update = (values: readonly Timed[]): void => cell.set(values.length === 0 ? undefined : values);
      return {
        ...common,
        get: () => {
          const reads = elements().map((element) => ttl.read(element));
          update(reads.flatMap(({ left }) => (left === undefined ? [] : [left])));
          return reads.flatMap(({ value }) => (value === undefined ? [] : [value]));
        },
        update: (values: readonly unknown[]) => update(values.map((value) => ttl.stamp(value))),
        add: (value: unknown) => update([...elements(), ttl.stamp(value)]),
        addAll: (values: readonly unknown[]) => update([...elements(), ...values.map((value) => ttl.stamp(value))]),
        mergeNamespaces: (target: Namespace, sources: readonly Namespace[]) =>
          cell.merge(target, sources, (a, b) => [...(a as unknown[]), ...(b as unknown[])]),
      };
    }
    case 'map':
      return { ...common, ...mapOf(cell, ttl), mergeNamespaces: refuse };
    case 'reducing':
      return {
        ...common,
        get: readOne,
        add: (value: unknown) => {
          const before = ttl.folded(cell.get() as Timed | undefined);
          cell.set(ttl.stamp(before === undefined ? value : descriptor.reduce(before, value)));
        },
        mergeNamespaces: (target: Namespace, sources: readonly Namespace[]) =>
          cell.merge(target, sources, (a, b) => ttl.fold(a as Timed, b as Timed, (x, y) => descriptor.reduce(x, y))),
      };
    case 'aggregating':
      return {
        ...common,
        get: () => {
          const accumulator = readOne();
          return accumulator === undefined ? undefined : descriptor.getResult(accumulator);
        },
        add: (value: unknown) => {
          const before = ttl.folded(cell.get() as Timed | undefined);
          cell.set(ttl.stamp(descriptor.add(before ?? descriptor.createAccumulator(), value)));
        },
        mergeNamespaces: (target: Namespace, sources: readonly Namespace[]) =>
          cell.merge(target, sources, (a, b) => ttl.fold(a as Timed, b as Timed, (x, y) => descriptor.merge(x, y))),
      };
  }
}

function mapOf(cell: TtlCell, ttl: Ttl): object {
  const map = (): Map<unknown, Timed> => (cell.get() as Map<unknown, Timed> | undefined) ?? new Map<unknown, Timed>();
  const store = (entries: Map<unknown, Timed>): void => cell.set(entries.size === 0 ? undefined : entries);
  const look = (entries: Map<unknown, Timed>, key: unknown): unknown => {
    const read = ttl.read(entries.get(key));
    if (read.left === undefined) entries.delete(key);
    else entries.set(key, read.left);
    return read.value;
  };
  const get = (key: unknown): unknown => {
    const entries = map();
    const value = look(entries, key);
    store(entries);
    return value;
  };
  const entries = (): [unknown, unknown][] => {
    const stored = map();
    const found = [...stored.keys()].map((key): [unknown, unknown] => [key, look(stored, key)]);
    store(stored);
    return found.filter(([, value]) => value !== undefined);
  };
  return {
    get,
    has: (key: unknown) => get(key) !== undefined,
    set: (key: unknown, value: unknown) => store(map().set(key, ttl.stamp(value))),
    delete: (key: unknown) => {
      const stored = map();
      stored.delete(key);
      store(stored);
    },
    entries,
    keys: () => entries().map(([key]) => key),
    values: () => entries().map(([, value]) => value),
    isEmpty: () => ![...map().values()].some((timed) => ttl.folded(timed) !== undefined),
  };
}

class Ttl {
  readonly #ttl: StateTtl;
  readonly #time: TtlTime;

  constructor(ttl: StateTtl, time: TtlTime) {
    this.#ttl = ttl;
    this.#time = time;
  }

  stamp(value: unknown): Timed {
    return { value, atMs: this.#time.nowMs };
  }

  /** What a read returns, and what it leaves. */
  read(timed: Timed | undefined): { readonly value: unknown; readonly left: Timed | undefined } {
    if (timed === undefined) return { value: undefined, left: undefined };
    if (this.#isExpired(timed)) return { value: this.#returnsExpired ? timed.value : undefined, left: undefined };
    const left = this.#ttl.update === 'onReadAndWrite' ? this.stamp(timed.value) : timed;
    return { value: timed.value, left };
  }

  /** What counts when something is folded into it. */
  folded(timed: Timed | undefined): unknown {
    if (timed === undefined) return undefined;
    return this.#isExpired(timed) && !this.#returnsExpired ? undefined : timed.value;
  }

  fold(a: Timed, b: Timed, fold: (a: never, b: never) => unknown): Timed | undefined {
    const [left, right] = [this.folded(a), this.folded(b)];
    const folded = left === undefined ? right : right === undefined ? left : fold(left as never, right as never);
    return folded === undefined ? undefined : this.stamp(folded);
  }

  get #returnsExpired(): boolean {
    return this.#ttl.visibility === 'returnExpiredIfNotCleanedUp';
  }

  #isExpired({ atMs }: Timed): boolean {
    const { nowMs, firstMs } = this.#time;
    if (nowMs === undefined) return false;
    return (atMs ?? firstMs!) + this.#ttl.timeToLiveMs <= nowMs;
  }
}
