import { UserError } from '../../engine/base/errors.ts';
import { optional } from '../../state/schema/optional.ts';
import { record, type RecordFields } from '../../state/schema/record.ts';
import { float64, long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { Code } from '../../state/schema/code.ts';
import type { AggregateColumn, DistinctValue } from './aggregate-columns.ts';
import { DistinctValuesSchema } from './distinct-values-schema.ts';

export type AnyColumn = AggregateColumn<never, unknown>;
export type Columns = Readonly<Record<string, AnyColumn>>;

/** An accumulator of columns: what each keeps, by name. */
export type ColumnsAccumulator = Record<string, unknown>;

/** Different values of one selector, counted by one or more columns. */
export interface DistinctSet {
  readonly of: (row: never) => DistinctValue | undefined | null;
  /** The filters of its columns, as bits. */
  readonly filters: number;
  /** Its columns, with the place of each one's filter. */
  readonly columns: readonly (readonly [name: string, bit: number])[];
}

/** The functions of an aggregate, made for its columns. Filters are bits: bit 0 holds for every row. */
export interface CompiledAggregates {
  readonly schema: Schema<ColumnsAccumulator>;
  readonly sets: readonly DistinctSet[];
  create(): ColumnsAccumulator;
  /** The filters that hold for a row. */
  filtersOf(row: unknown): number;
  /** Adds a row `by` = 1 or -1 times; returns the accumulator, changed. */
  add(accumulator: ColumnsAccumulator, row: unknown, filters: number, by: 1 | -1): ColumnsAccumulator;
  merge(a: ColumnsAccumulator, b: ColumnsAccumulator): ColumnsAccumulator;
  /** The same, but leaves the counts of values as they are. */
  mergeWithoutValues(a: ColumnsAccumulator, b: ColumnsAccumulator): ColumnsAccumulator;
  result(accumulator: ColumnsAccumulator): Record<string, unknown>;
  /** Counts a value of a set that has come (`by` 1) or gone (-1) with these filters. Only when values are kept elsewhere. */
  addFresh(accumulator: ColumnsAccumulator, set: number, filters: number, by: 1 | -1): void;
  /** Whether no value is counted. */
  hasNoValues(accumulator: ColumnsAccumulator): boolean;
}

const FILTERS_MAX = 30;

/** @param keepsValues whether distinct values stand in the accumulator; else they are kept elsewhere, see `addFresh`. */
export function compileAggregates(columns: Columns, keepsValues: boolean): CompiledAggregates {
  return new Compiler(columns, keepsValues).compile();
}

class Compiler {
  readonly #columns: readonly (readonly [name: string, column: AnyColumn])[];
  readonly #keepsValues: boolean;
  readonly #wheres: ((row: never) => boolean)[] = [];
  readonly #sets: { of: NonNullable<AnyColumn['of']>; filters: number; columns: [field: string, bit: number][] }[] = [];
  readonly #fields: Record<string, Schema<unknown>> = {};
  readonly #initial: string[] = [];

  constructor(columns: Columns, keepsValues: boolean) {
    this.#columns = Object.entries(columns);
    this.#keepsValues = keepsValues;
    for (const [name, { kind, of, where }] of this.#columns) {
      if (where !== undefined && !this.#wheres.includes(where)) this.#wheres.push(where);
      if (kind === 'min' || kind === 'max') this.#field(name, optional(float64()), 'undefined');
      else this.#field(name, kind === 'sum' || kind === 'avg' ? float64() : long(), '0');
      if (kind === 'sum' || kind === 'avg') this.#field(`${name}_rows`, long(), '0');
      if (kind !== 'countDistinct') continue;
      let set = this.#sets.find((other) => other.of === of);
      if (set === undefined) this.#sets.push((set = { of: of!, filters: 0, columns: [] }));
      const bit = this.#bitOf(where);
      set.filters |= 1 << bit;
      set.columns.push([name, bit]);
    }
    if (this.#wheres.length > FILTERS_MAX) {
      throw new UserError(
        'JOB_DEFINITION',
        `aggregates(...) has ${this.#wheres.length} different filters, more than ${FILTERS_MAX}`,
        { hint: 'Columns with the same filter share it when they are given the same function.' },
      );
    }
    if (!keepsValues) return;
    for (const [at, set] of this.#sets.entries()) {
      const names = set.columns.map(([name]) => name);
      this.#field(`values_${at}`, new DistinctValuesSchema(names), 'new Map()');
    }
  }

  compile(): CompiledAggregates {
    return {
      schema: record('Aggregates', this.#fields as RecordFields) as unknown as Schema<ColumnsAccumulator>,
      sets: this.#sets as unknown as readonly DistinctSet[],
      create: this.#function('create', '', (code) => code.line(`return {${this.#initial.join(', ')}};`)),
      filtersOf: this.#function('filtersOf', 'row', (code) => {
        const tests = this.#wheres.map((where, at) => ` | (${code.constant(where)}(row) ? ${1 << (at + 1)} : 0)`);
        code.line(`return 1${tests.join('')};`);
      }),
      add: this.#function('add', 'a, row, filters, by', (code) => this.#writeAdd(code)),
      merge: this.#function('merge', 'a, b', (code) => this.#writeMerge(code, true)),
      mergeWithoutValues: this.#function('mergeWithoutValues', 'a, b', (code) => this.#writeMerge(code, false)),
      result: this.#function('result', 'a', (code) => {
        const fields = this.#columns.map(([name, { kind }]) => {
          if (kind === 'sum') return `${name}: a.${name}_rows === 0 ? undefined : a.${name}`;
          if (kind === 'avg') return `${name}: a.${name}_rows === 0 ? undefined : a.${name} / a.${name}_rows`;
          return `${name}: a.${name}`;
        });
        code.line(`return {${fields.join(', ')}};`);
      }),
      addFresh: this.#function('addFresh', 'a, set, filters, by', (code) => {
        code.line('switch (set) {');
        for (const [at, { columns }] of this.#sets.entries()) {
          code.line(`case ${at}:`);
          for (const [field, bit] of columns) code.line(`if ((filters & ${1 << bit}) !== 0) a.${field} += by;`);
          code.line('return;');
        }
        code.line('}');
      }),
      hasNoValues: this.#function('hasNoValues', 'a', (code) => {
        const tests = this.#sets.flatMap(({ columns }) => columns.map(([field]) => ` && a.${field} === 0`));
        code.line(`return true${tests.join('')};`);
      }),
    };
  }

  #field(name: string, schema: Schema<unknown>, initial: string): void {
    this.#fields[name] = schema;
    this.#initial.push(`${name}: ${initial}`);
  }

  #bitOf(where: AnyColumn['where']): number {
    return where === undefined ? 0 : this.#wheres.indexOf(where) + 1;
  }

  #function<F>(name: string, parameters: string, write: (code: Code) => void): F {
    const code = new Code();
    write(code);
    const compiled = code.compile<F>(name, parameters, {});
    if (compiled !== undefined) return compiled;
    throw new UserError('CONFIGURATION', 'aggregates(...) makes code, which this runtime forbids', {
      hint: 'Run without --disallow-code-generation-from-strings, or write the aggregate function by hand.',
    });
  }

  #writeAdd(code: Code): void {
    for (const [name, { kind, of, where }] of this.#columns) {
      if (kind === 'countDistinct') continue;
      const bit = this.#bitOf(where);
      code.line(bit === 0 ? '{' : `if ((filters & ${1 << bit}) !== 0) {`);
      if (kind === 'count') code.line(`a.${name} += by;`);
      else {
        code.line(`const x = ${code.constant(of)}(row);`);
        code.line('if (x !== undefined && x !== null) {');
        if (kind === 'sum' || kind === 'avg') code.line(`a.${name} += by * x; a.${name}_rows += by;`);
        else code.line(this.#writeExtreme(name, kind));
        code.line('}');
      }
      code.line('}');
    }
    if (this.#keepsValues) {
      for (const [at, { of, filters, columns }] of this.#sets.entries()) {
        // A filter guards what its column reads: no filter holds, no value is asked for.
        code.line(`{ const held = filters & ${filters};`);
        code.line(`const x = held === 0 ? undefined : ${code.constant(of)}(row);`);
        code.line('if (x !== undefined && x !== null) {');
        code.line(`let counts = a.values_${at}.get(x);`);
        code.line(`if (counts === undefined) a.values_${at}.set(x, counts = [${columns.map(() => 0).join(', ')}]);`);
        for (const [index, [field, bit]] of columns.entries()) {
          code.line(`if ((held & ${1 << bit}) !== 0) {`);
          code.line(`const before = counts[${index}]; const after = before + by; counts[${index}] = after;`);
          code.line(`if (before <= 0) { if (after > 0) a.${field}++; } else if (after <= 0) a.${field}--;`);
          code.line('}');
        }
        code.line(`if (by < 0 && counts.every((count) => count === 0)) a.values_${at}.delete(x);`);
        code.line('} }');
      }
    }
    code.line('return a;');
  }

  /** NaN is larger than all other numbers, so that it does not matter which row comes first. */
  #writeExtreme(name: string, kind: 'min' | 'max'): string {
    const isBeyond = kind === 'min' ? `x < a.${name} || a.${name} !== a.${name}` : `x > a.${name} || x !== x`;
    return `if (a.${name} === undefined || ${isBeyond}) a.${name} = x;`;
  }

  #writeMerge(code: Code, withValues: boolean): void {
    for (const [name, { kind }] of this.#columns) {
      if (kind === 'min' || kind === 'max')
        code.line(`{ const x = b.${name}; if (x !== undefined) ${this.#writeExtreme(name, kind)} }`);
      else if (kind !== 'countDistinct' || (withValues && !this.#keepsValues)) code.line(`a.${name} += b.${name};`);
      if (kind === 'sum' || kind === 'avg') code.line(`a.${name}_rows += b.${name}_rows;`);
    }
    if (this.#keepsValues && withValues) {
      for (const [at, { columns }] of this.#sets.entries()) {
        code.line(`for (const [x, more] of b.values_${at}) {`);
        code.line(`let counts = a.values_${at}.get(x);`);
        code.line(`if (counts === undefined) a.values_${at}.set(x, counts = [${columns.map(() => 0).join(', ')}]);`);
        for (const [index, [field]] of columns.entries()) {
          code.line(
            `{ const before = counts[${index}]; const after = before + more[${index}]; counts[${index}] = after;`,
          );
          code.line(`if (before <= 0) { if (after > 0) a.${field}++; } else if (after <= 0) a.${field}--; }`);
        }
        code.line(`if (counts.every((count) => count === 0)) a.values_${at}.delete(x);`);
        code.line('}');
      }
    }
    code.line('return a;');
  }
}
