import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { array } from '../../state/schema/collections.ts';
import { record } from '../../state/schema/record.ts';
import { long } from '../../state/schema/scalars.ts';
import type { AvroSchema, Schema } from '../../state/schema/schema.ts';
import type { DistinctValue } from './aggregate-columns.ts';
import { DISTINCT_VALUE } from './distinct-value-schema.ts';

/** Values with how often each was seen, by column: a `Map` in memory, an array of records when stored. */
export class DistinctValuesSchema implements Schema<Map<DistinctValue, number[]>> {
  readonly isOptional = false;
  readonly #columns: readonly string[];
  readonly #entries: Schema<Record<string, DistinctValue>[]>;

  /** @param columns names for the numbers of a value: state of other columns does not fit. */
  constructor(columns: readonly string[]) {
    this.#columns = columns;
    const fields = {
      value: DISTINCT_VALUE,
      ...Object.fromEntries(columns.map((column) => [`${column}_rows`, long()])),
    };
    this.#entries = array(record(`Values_${columns[0]}`, fields)) as unknown as Schema<Record<string, DistinctValue>[]>;
  }

  get avro(): AvroSchema {
    return this.#entries.avro;
  }

  encode(writer: ByteWriter, values: Map<DistinctValue, number[]>): void {
    const entries = [];
    for (const [value, counts] of values) {
      const entry: Record<string, DistinctValue> = { value };
      for (const [at, column] of this.#columns.entries()) entry[`${column}_rows`] = counts[at]!;
      entries.push(entry);
    }
    this.#entries.encode(writer, entries);
  }

  decode(reader: ByteReader): Map<DistinctValue, number[]> {
    const values = new Map<DistinctValue, number[]>();
    for (const entry of this.#entries.decode(reader)) {
      const counts = this.#columns.map((column) => entry[`${column}_rows`] as number);
      values.set(entry['value']!, counts);
    }
    return values;
  }

  validate(value: unknown): string | undefined {
    return value instanceof Map ? undefined : `expected a Map of distinct values, found ${typeof value}`;
  }
}
