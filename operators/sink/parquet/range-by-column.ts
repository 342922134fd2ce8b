import type { SchemaElement, Statistics } from 'hyparquet';
import { formatDecimal } from '../../../state/schema/decimal.ts';
import { STATISTICS_BYTES_MAX } from './limits.ts';

/** Smallest and largest value of a column as JSON: timestamps in milliseconds, decimals as text. */
export interface ColumnRange {
  readonly min: string | number | boolean;
  readonly max: string | number | boolean;
}

/** Ranges of the columns of a file, over its row groups, for manifests: readers skip files by them. */
export class RangeByColumn {
  readonly #ranges = new Map<string, { readonly element: SchemaElement; min: unknown; max: unknown }>();

  /** Widens the range of a column by a row group's statistics; without any it stays as it is. */
  add(element: SchemaElement, statistics: Statistics | undefined): void {
    const min: unknown = statistics?.min_value;
    const max: unknown = statistics?.max_value;
    if (min === undefined || max === undefined) return;
    const range = this.#ranges.get(element.name);
    if (range === undefined) {
      this.#ranges.set(element.name, { element, min, max });
      return;
    }
    if (isBefore(min, range.min)) range.min = min;
    if (isBefore(range.max, max)) range.max = max;
  }

  /** Columns without values, with bytes, or with text that is too long are left out. */
  toJson(): Record<string, ColumnRange> {
    const json: Record<string, ColumnRange> = {};
    for (const [name, { element, min, max }] of this.#ranges) {
      const minJson = valueToJson(element, min);
      const maxJson = valueToJson(element, max);
      if (minJson !== undefined && maxJson !== undefined) json[name] = { min: minJson, max: maxJson };
    }
    return json;
  }
}

function isBefore(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) < 0;
  return (a as number) < (b as number);
}

function valueToJson(element: SchemaElement, value: unknown): string | number | boolean | undefined {
  if (value instanceof Uint8Array) {
    const isText = element.converted_type === 'UTF8' && value.length <= STATISTICS_BYTES_MAX;
    return isText ? Buffer.from(value).toString('utf8') : undefined;
  }
  if (typeof value === 'bigint') {
    return element.converted_type === 'DECIMAL' ? formatDecimal(value, element.scale ?? 0) : Number(value / 1000n);
  }
  return Number.isFinite(value) || typeof value === 'boolean' ? (value as number | boolean) : undefined;
}
