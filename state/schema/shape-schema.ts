import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { RecordError } from '../../engine/base/errors.ts';
import { avroOf } from './avro-of.ts';
import { createDecoder } from './decoder.ts';
import { createEncoder } from './encoder.ts';
import { describeMismatch } from './mismatch.ts';
import type { AvroSchema, Schema } from './schema.ts';
import type { FieldShape, Shape } from './shape.ts';

/** What a record field carries besides its shape. */
export type FieldAttributes = Pick<FieldShape, 'aliases' | 'default' | 'doc'>;

export const NO_ATTRIBUTES: FieldAttributes = { aliases: [] };

/**
 * The implementation behind `string()`, `record()` and all the others. The codec is generated at the first use, so that
 * a declaration costs nothing.
 */
export class ShapeSchema<T> implements Schema<T> {
  declare readonly _type?: T;
  readonly shape: Shape;
  readonly attributes: FieldAttributes;
  readonly isOptional: boolean;
  // Properties, not methods: the first call puts the generated function in its own place.
  encode: (writer: ByteWriter, value: T) => void;
  decode: (reader: ByteReader) => T;
  #avro: AvroSchema | undefined;

  constructor(shape: Shape, attributes: FieldAttributes = NO_ATTRIBUTES) {
    this.shape = shape;
    this.attributes = attributes;
    this.isOptional = shape.kind === 'optional';
    this.encode = (writer, value) => {
      this.encode = createEncoder<T>(shape);
      this.encode(writer, value);
    };
    this.decode = (reader) => {
      this.decode = createDecoder<T>(shape);
      return this.decode(reader);
    };
  }

  get avro(): AvroSchema {
    this.#avro ??= avroOf(this.shape);
    return this.#avro;
  }

  validate(value: unknown): string | undefined {
    return describeMismatch(this.shape, value);
  }
}

/** The shape of any schema; one that we did not make is a `custom` shape. */
export function shapeOf(schema: Schema<unknown>): Shape {
  return schema instanceof ShapeSchema ? (schema.shape as Shape) : { kind: 'custom', schema };
}

export function attributesOf(schema: Schema<unknown>): FieldAttributes {
  return schema instanceof ShapeSchema ? schema.attributes : NO_ATTRIBUTES;
}

/** @throws RecordError when the value does not fit. */
export function checkValue(schema: Schema<unknown>, value: unknown): void {
  const problem = schema.validate(value);
  if (problem !== undefined) throw new RecordError(problem);
}
