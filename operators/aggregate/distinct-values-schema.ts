import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { compositeKey } from '../../state/keyed/key-group.ts';
import type { Key } from '../../state/keyed/key.ts';
import { array } from '../../state/schema/collections.ts';
import { record } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { AvroSchema, Schema } from '../../state/schema/schema.ts';

/** Values with how often each was seen, by column: a `Map` in memory, an array of records when stored. */
export class DistinctValuesSchema implements Schema<Map<Key, number[]>> {
  readonly isOptional = false;
  readonly #columns: readonly string[];
  readonly #entries: Schema<Record<string, string | number>[]>;

  /** @param columns names for the numbers of a value: state of other columns does not fit. */
  constructor(columns: readonly string[]) {
    this.#columns = columns;
    const fields = { value: string(), ...Object.fromEntries(columns.map((column) => [`${column}_rows`, long()])) };
    this.#entries = array(record(`Values_${columns[0]}`, fields)) as unknown as Schema<
      Record<string, string | number>[]
    >;
  }

  get avro(): AvroSchema {
    return this.#entries.avro;
  }

  encode(writer: ByteWriter, values: Map<Key, number[]>): void {
    const entries = [];
    for (const [value, counts] of values) {
      const entry: Record<string, string | number> = { value: compositeKey(value) };
      for (const [at, column] of this.#columns.entries()) entry[`${column}_rows`] = counts[at]!;
      entries.push(entry);
    }
    this.#entries.encode(writer, entries);
  }

  decode(reader: ByteReader): Map<Key, number[]> {
    const values = new Map<Key, number[]>();
    for (const entry of this.#entries.decode(reader)) {
      const counts = this.#columns.map((column) => entry[`${column}_rows`] as number);
      values.set(valueOf(entry['value'] as string), counts);
    }
    return values;
  }

  validate(value: unknown): string | undefined {
    return value instanceof Map ? undefined : `expected a Map of distinct values, found ${typeof value}`;
  }
}

/** The inverse of `compositeKey` for one part. */
function valueOf(text: string): Key {
  switch (text[0]) {
    case 's':
      return text.slice(text.indexOf(':') + 1);
    case 'n':
      return Number(text.slice(1, -1));
    case 'i':
      return BigInt(text.slice(1, -1));
    default:
      return text[0] === 't';
  }
}
