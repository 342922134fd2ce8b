import { UserError } from '../../engine/base/errors.ts';
import type { Infer, Schema } from './schema.ts';
import { checkFullName, checkName, type FieldShape, type RecordShape } from './shape.ts';
import { attributesOf, ShapeSchema, shapeOf } from './shape-schema.ts';

export type RecordFields = Readonly<Record<string, Schema<unknown>>>;

type OptionalKeys<F> = { [K in keyof F]: F[K] extends { readonly isOptional: true } ? K : never }[keyof F];

/** The object type of record fields: optional schemas give optional properties. */
export type RecordOf<F> = { [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & {
  [K in OptionalKeys<F>]?: Infer<F[K]>;
} extends infer O
  ? { [K in keyof O]: O[K] }
  : never;

export interface RecordSchema<F extends RecordFields> extends Schema<RecordOf<F>> {
  readonly isOptional: false;
  /** Full Avro name. */
  readonly name: string;
  readonly fields: F;
}

export interface RecordOptions {
  readonly doc?: string | undefined;
  /** Former names. */
  readonly aliases?: readonly string[] | undefined;
}

/**
 * A record type. The order of the fields is the order of their bytes; both may change later, as Avro resolves fields by
 * name.
 *
 * @param name the Avro name, with a namespace if wanted (`ads.Click`).
 * @throws UserError SCHEMA for names that Avro does not allow.
 */
export function record<F extends RecordFields>(name: string, fields: F, options: RecordOptions = {}): RecordSchema<F> {
  checkFullName(name, 'record name');
  const fieldShapes = Object.entries(fields).map(([fieldName, schema]): FieldShape => {
    checkName(fieldName, `field of record ${name}`);
    return { name: fieldName, shape: shapeOf(schema), ...attributesOf(schema) };
  });
  const shape: RecordShape = {
    kind: 'record',
    name,
    fields: fieldShapes,
    aliases: options.aliases ?? [],
    doc: options.doc,
  };
  return new ShapeRecordSchema<F>(shape, fields);
}

/**
 * The same record with some of its fields only, as a reader's schema: sources then decode nothing else.
 *
 * @throws UserError SCHEMA for a field that the record does not have.
 */
export function pick<F extends RecordFields, K extends keyof F & string>(
  schema: RecordSchema<F>,
  fieldNames: readonly K[],
): RecordSchema<Pick<F, K>> {
  const picked: Partial<F> = {};
  for (const fieldName of fieldNames) {
    if (!Object.hasOwn(schema.fields, fieldName)) {
      throw new UserError(
        'SCHEMA',
        `record ${schema.name} has no field ${fieldName}, only ${Object.keys(schema.fields).join(', ')}`,
      );
    }
    picked[fieldName] = schema.fields[fieldName];
  }
  return record(schema.name, picked as Pick<F, K>);
}

class ShapeRecordSchema<F extends RecordFields> extends ShapeSchema<RecordOf<F>> implements RecordSchema<F> {
  declare readonly isOptional: false;
  readonly name: string;
  readonly fields: F;

  constructor(shape: RecordShape, fields: F) {
    super(shape);
    this.name = shape.name;
    this.fields = fields;
  }
}
