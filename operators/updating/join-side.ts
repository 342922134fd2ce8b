import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { ListState, StateTtl, ValueState } from '../../state/keyed/state.ts';
import { optional } from '../../state/schema/optional.ts';
import { record } from '../../state/schema/record.ts';
import { int } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { packRow } from './packed-rows.ts';
import { RowList } from './row-list.ts';

export interface JoinSideSettings<T> {
  /** Of its state: `left` or `right`. */
  readonly name: string;
  readonly schema: Schema<T>;
  /** At most one row per key at any time: an insertion replaces. */
  readonly isUnique: boolean;
  /** No row is ever taken back or replaced. */
  readonly isInsertOnly: boolean;
  /** Its rows come out padded while they have no partner: how many partners each has is kept with it. */
  readonly isOuter: boolean;
  /** Rows for which it does not hold have no partner. */
  readonly filter: ((row: T) => boolean) | undefined;
  readonly ttl: StateTtl | undefined;
}

/** What one side of a regular join keeps of the current key. */
export interface JoinSide<T> {
  open(context: OperatorContext): void;
  /**
   * Reads the rows of the current key that may have a partner into `rows`, and into `matchCounts` how many they have.
   * Valid until the next call.
   */
  load(): number;
  readonly rows: readonly T[];
  /** Outer sides only. */
  readonly matchCounts: number[];
  /** Stores `matchCounts` again. */
  storeMatchCounts(): void;
  /** Whether a row has come, with or without a partner; unique sides only, after `load`. */
  readonly hasRow: boolean;
  /** That row, unless nothing but its coming is kept. */
  readonly stored: T | undefined;
  add(row: T, matchCount: number): void;
  /** Removes a row equal to this one. Unique sides: whatever there is. */
  remove(row: T): void;
  clear(): void;
}

/** A side as its options want it. */
export function createJoinSide<T>(settings: JoinSideSettings<T>): JoinSide<T> {
  if (settings.isUnique) return settings.isOuter ? new CountedUniqueSide(settings) : new UniqueSide(settings);
  const isPlain = settings.ttl === undefined && !settings.isOuter;
  return isPlain ? new PackedSide(settings) : new CountedListSide(settings);
}

const NO_COUNTS: number[] = [];

/** At most one row, not outer. What is kept of a row that has no partner anyway is that it was there. */
class UniqueSide<T> implements JoinSide<T> {
  readonly #settings: JoinSideSettings<T>;
  readonly rows: T[] = [];
  readonly matchCounts: number[] = NO_COUNTS;
  readonly #filter: ((row: T) => boolean) | undefined;
  #row: ValueState<T> = undefined as never;
  /** Instead of `#row` when there is a filter. */
  #filtered: ValueState<{ row?: T | undefined }> = undefined as never;
  hasRow = false;
  stored: T | undefined = undefined;

  constructor(settings: JoinSideSettings<T>) {
    this.#settings = settings;
    this.#filter = settings.filter;
  }

  open({ keyedState }: OperatorContext): void {
    const { name, schema, ttl } = this.#settings;
    if (this.#filter === undefined) {
      this.#row = keyedState.state({ kind: 'value', name: `${name}-row`, schema, ttl });
    } else {
      const wrapped = record('tidemark.FilteredRow', { row: optional(schema) }) as unknown as Schema<{ row?: T }>;
      this.#filtered = keyedState.state({ kind: 'value', name: `${name}-filtered-row`, schema: wrapped, ttl });
    }
  }

  load(): number {
    let row: T | undefined;
    if (this.#filter === undefined) {
      row = this.#row.value();
      this.hasRow = row !== undefined;
    } else {
      const wrapped = this.#filtered.value();
      this.hasRow = wrapped !== undefined;
      row = wrapped?.row;
    }
    this.stored = row;
    if (row === undefined) {
      this.rows.length = 0;
      return 0;
    }
    this.rows[0] = row;
    return 1;
  }

  storeMatchCounts(): void {}

  add(row: T): void {
    if (this.#filter === undefined) this.#row.update(row);
    else this.#filtered.update(this.#filter(row) ? { row } : {});
  }

  remove(): void {
    this.clear();
  }

  clear(): void {
    if (this.#filter === undefined) this.#row.clear();
    else this.#filtered.clear();
  }
}

interface CountedRow<T> {
  readonly row: T;
  matchCount: number;
}

function countedSchema<T>(schema: Schema<T>): Schema<CountedRow<T>> {
  return record('tidemark.CountedRow', { matchCount: int(), row: schema }) as unknown as Schema<CountedRow<T>>;
}

/** At most one row, which comes out padded while it has no partner. */
class CountedUniqueSide<T> implements JoinSide<T> {
  readonly #settings: JoinSideSettings<T>;
  readonly rows: T[] = [];
  readonly matchCounts: number[] = [];
  #row: ValueState<CountedRow<T>> = undefined as never;
  hasRow = false;
  stored: T | undefined = undefined;

  constructor(settings: JoinSideSettings<T>) {
    this.#settings = settings;
  }

  open({ keyedState }: OperatorContext): void {
    const { name, schema, ttl } = this.#settings;
    this.#row = keyedState.state({ kind: 'value', name: `${name}-counted-row`, schema: countedSchema(schema), ttl });
  }

  load(): number {
    const counted = this.#row.value();
    this.hasRow = counted !== undefined;
    this.stored = counted?.row;
    const { filter } = this.#settings;
    if (counted === undefined || (filter !== undefined && !filter(counted.row))) {
      this.rows.length = 0;
      return 0;
    }
    this.rows[0] = counted.row;
    this.matchCounts[0] = counted.matchCount;
    return 1;
  }

  storeMatchCounts(): void {
    this.#row.update({ row: this.rows[0]!, matchCount: this.matchCounts[0]! });
  }

  add(row: T, matchCount: number): void {
    this.#row.update({ row, matchCount });
  }

  remove(): void {
    this.#row.clear();
  }

  clear(): void {
    this.#row.clear();
  }
}

/** Any number of rows, packed. */
class PackedSide<T> implements JoinSide<T> {
  readonly rows: T[] = [];
  readonly matchCounts: number[] = NO_COUNTS;
  readonly #list: RowList<T>;
  readonly #filter: ((row: T) => boolean) | undefined;
  readonly hasRow = false;
  readonly stored = undefined;

  constructor({ name, schema, filter }: JoinSideSettings<T>) {
    this.#list = new RowList(`${name}-rows`, schema);
    this.#filter = filter;
  }

  open(context: OperatorContext): void {
    this.#list.open(context);
  }

  load(): number {
    this.rows.length = 0;
    return this.#list.readInto(this.rows);
  }

  storeMatchCounts(): void {}

  add(row: T): void {
    if (this.#filter === undefined || this.#filter(row)) this.#list.add(row);
  }

  remove(row: T): void {
    if (this.#filter === undefined || this.#filter(row)) this.#list.remove(row);
  }

  clear(): void {
    this.#list.clear();
  }
}

/** Any number of rows, each with the number of its partners and with a time-to-live of its own. */
class CountedListSide<T> implements JoinSide<T> {
  readonly #settings: JoinSideSettings<T>;
  readonly rows: T[] = [];
  readonly matchCounts: number[] = [];
  #list: ListState<CountedRow<T>> = undefined as never;
  /** What was loaded; without the rows that have no partner anyway. */
  #loaded: CountedRow<T>[] = [];
  #counted: readonly CountedRow<T>[] = [];
  readonly hasRow = false;
  readonly stored = undefined;

  constructor(settings: JoinSideSettings<T>) {
    this.#settings = settings;
  }

  open({ keyedState }: OperatorContext): void {
    const { name, schema, ttl } = this.#settings;
    this.#list = keyedState.state({ kind: 'list', name: `${name}-counted-rows`, schema: countedSchema(schema), ttl });
  }

  load(): number {
    const { filter } = this.#settings;
    this.#counted = this.#list.get();
    this.#loaded = [];
    this.rows.length = 0;
    this.matchCounts.length = 0;
    for (const counted of this.#counted) {
      if (filter !== undefined && !filter(counted.row)) continue;
      this.#loaded.push(counted);
      this.rows.push(counted.row);
      this.matchCounts.push(counted.matchCount);
    }
    return this.rows.length;
  }

  storeMatchCounts(): void {
    for (let i = 0; i < this.#loaded.length; i++) this.#loaded[i]!.matchCount = this.matchCounts[i]!;
    this.#list.update(this.#counted);
  }

  add(row: T, matchCount: number): void {
    const { filter, isOuter } = this.#settings;
    if (isOuter || filter === undefined || filter(row)) this.#list.add({ row, matchCount });
  }

  remove(row: T): void {
    const { schema } = this.#settings;
    const text = packRow(row, schema);
    const rows = this.#list.get();
    for (let i = rows.length - 1; i >= 0; i--) {
      if (packRow(rows[i]!.row, schema) !== text) continue;
      this.#list.update([...rows.slice(0, i), ...rows.slice(i + 1)]);
      return;
    }
  }

  clear(): void {
    this.#list.clear();
  }
}
