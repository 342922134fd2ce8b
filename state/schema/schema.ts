import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';

/** An Avro schema as plain JSON. */
export type AvroSchema =
  | string
  | { readonly type: unknown; readonly [attribute: string]: unknown }
  | readonly AvroSchema[];

/**
 * One declaration for every edge: the TypeScript type (by inference), the Avro codec of state and wire, validation of
 * parsed JSON and CSV, Parquet columns, warehouse DDL.
 */
export interface Schema<T> {
  readonly avro: AvroSchema;
  /** Whether a record field of this schema may be absent (`undefined` in TypeScript, `null` in Avro). */
  readonly isOptional: boolean;
  /** Appends the Avro binary form. Throws RecordError naming the field when the value does not fit. */
  encode(writer: ByteWriter, value: T): void;
  /** Reads one value and moves the reader past it. */
  decode(reader: ByteReader): T;
  /** Undefined when the value fits, else one line: which field, expected what, found what. */
  validate(value: unknown): string | undefined;
  /** Carries the type for inference only; never set. */
  readonly _type?: T;
}

/** The TypeScript type of a schema: `type Click = Infer<typeof Click>`. */
export type Infer<S> = S extends Schema<infer T> ? T : never;
