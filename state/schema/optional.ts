import type { Schema } from './schema.ts';
import { attributesOf, ShapeSchema, shapeOf } from './shape-schema.ts';

/** A schema whose value may be absent. As a record field it may be left out. */
export interface OptionalSchema<T> extends Schema<T | undefined> {
  readonly isOptional: true;
}

/**
 * A value or nothing. Undefined, null and a property left out are all written as null; null is read as undefined, and the
 * property is always set, so that all records of a schema have one shape. Such a field may be added to a schema at any
 * time: its default is null.
 */
export function optional<T>(schema: Schema<T>): OptionalSchema<T> {
  const shape = shapeOf(schema);
  if (shape.kind === 'optional') return schema as unknown as OptionalSchema<T>;
  const attributes = attributesOf(schema);
  return new ShapeSchema<T | undefined>(
    { kind: 'optional', value: shape, nullBranch: 0 },
    { aliases: attributes.aliases, doc: attributes.doc },
  ) as unknown as OptionalSchema<T>;
}
