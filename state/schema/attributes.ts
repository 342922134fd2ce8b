import { UserError } from '../../engine/base/errors.ts';
import type { Infer, Schema } from './schema.ts';
import { attributesOf, checkValue, type FieldAttributes, ShapeSchema, shapeOf } from './shape-schema.ts';

/**
 * A field with a default: what a reader takes where the writer, a JSON object or a CSV row does not have the field. A
 * field added to a record that is stored already needs one (or is `optional`).
 *
 * @throws UserError SCHEMA when the value does not fit.
 */
export function withDefault<S extends Schema<unknown>>(schema: S, value: Infer<S>): S {
  if (schema.isOptional && value !== undefined) {
    throw new UserError('SCHEMA', 'withDefault: the default of an optional field is always nothing', {
      hint: 'Leave out optional() when a missing value has a meaning of its own.',
    });
  }
  try {
    checkValue(schema, value);
  } catch (error) {
    throw new UserError('SCHEMA', `withDefault: the default does not fit: ${(error as Error).message}`);
  }
  return withAttributes(schema, schema.isOptional ? {} : { default: { value } });
}

/** A field with a description, which goes to the Avro schema, to column comments and to documents. */
export function withDoc<S extends Schema<unknown>>(schema: S, doc: string): S {
  return withAttributes(schema, { doc });
}

/** A field that had other names before: state and files written under them are still read. */
export function withAliases<S extends Schema<unknown>>(schema: S, aliases: readonly string[]): S {
  return withAttributes(schema, { aliases });
}

/** A copy of the schema; a record keeps its name and fields. */
function withAttributes<S extends Schema<unknown>>(schema: S, attributes: Partial<FieldAttributes>): S {
  const copy = new ShapeSchema<unknown>(shapeOf(schema), { ...attributesOf(schema), ...attributes });
  if ('fields' in schema && 'name' in schema) Object.assign(copy, { name: schema.name, fields: schema.fields });
  return copy as unknown as S;
}
