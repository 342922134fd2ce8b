import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { boolean, float64, long, string } from '../../state/schema/scalars.ts';
import type { AvroSchema, Schema } from '../../state/schema/schema.ts';
import type { DistinctValue } from './aggregate-columns.ts';

const LONG = long();
const DOUBLE = float64();
const STRING = string();
const BOOLEAN = boolean();

/** A value of whatever type `countDistinct` counts: an Avro union. */
class DistinctValueSchema implements Schema<DistinctValue> {
  readonly avro: AvroSchema = ['long', 'double', 'string', 'boolean'];
  readonly isOptional = false;

  encode(writer: ByteWriter, value: DistinctValue): void {
    if (typeof value === 'string') {
      LONG.encode(writer, 2);
      STRING.encode(writer, value);
    } else if (typeof value === 'boolean') {
      LONG.encode(writer, 3);
      BOOLEAN.encode(writer, value);
    } else if (Number.isSafeInteger(value)) {
      LONG.encode(writer, 0);
      LONG.encode(writer, value);
    } else {
      LONG.encode(writer, 1);
      DOUBLE.encode(writer, value);
    }
  }

  decode(reader: ByteReader): DistinctValue {
    switch (LONG.decode(reader)) {
      case 0:
        return LONG.decode(reader);
      case 1:
        return DOUBLE.decode(reader);
      case 2:
        return STRING.decode(reader);
      default:
        return BOOLEAN.decode(reader);
    }
  }

  validate(value: unknown): string | undefined {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return undefined;
    return `expected a string, a number or a boolean to count, found ${typeof value}`;
  }
}

export const DISTINCT_VALUE: Schema<DistinctValue> = new DistinctValueSchema();
