import { UserError } from '../../engine/base/errors.ts';
import type { Schema } from './schema.ts';
import { shapeOf } from './shape-schema.ts';
import { describeShape, type RecordShape, type Shape } from './shape.ts';

/** The JSON form of a Spark type, as `StructType.fromJson` takes it. */
export type SparkType = string | SparkStruct | SparkArray | SparkMap;

export interface SparkStruct {
  readonly type: 'struct';
  readonly fields: readonly {
    readonly name: string;
    readonly type: SparkType;
    readonly nullable: boolean;
    readonly metadata: Readonly<Record<string, string>>;
  }[];
}

interface SparkArray {
  readonly type: 'array';
  readonly elementType: SparkType;
  readonly containsNull: boolean;
}

interface SparkMap {
  readonly type: 'map';
  readonly keyType: 'string';
  readonly valueType: SparkType;
  readonly valueContainsNull: boolean;
}

/**
 * The Spark schema of a record schema. A batch job that reads our files with it fails on a wrong column instead of guessing.
 *
 * @throws UserError SCHEMA when the schema is no record, or holds a union, for which Spark has no type.
 */
export function sparkSchema(schema: Schema<unknown>): SparkStruct {
  const shape = shapeOf(schema);
  if (shape.kind === 'record') return struct(shape);
  throw new UserError('SCHEMA', `spark: expected a record schema, found ${describeShape(shape)}`);
}

function struct(shape: RecordShape): SparkStruct {
  return {
    type: 'struct',
    fields: shape.fields.map((field) => ({
      name: field.name,
      type: sparkType(field.shape),
      nullable: field.shape.kind === 'optional',
      metadata: field.doc === undefined ? {} : { comment: field.doc },
    })),
  };
}

function sparkType(shape: Shape): SparkType {
  switch (shape.kind) {
    case 'optional':
      return sparkType(shape.value);
    case 'boolean':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
    case 'timestamp':
      return shape.kind;
    case 'int':
      return 'integer';
    case 'enumeration':
      return 'string';
    case 'bytes':
    case 'fixed':
      return 'binary';
    case 'decimal':
      return `decimal(${shape.precision},${shape.scale})`;
    case 'array':
      return { type: 'array', elementType: sparkType(shape.items), containsNull: shape.items.kind === 'optional' };
    case 'map':
      return {
        type: 'map',
        keyType: 'string',
        valueType: sparkType(shape.values),
        valueContainsNull: shape.values.kind === 'optional',
      };
    case 'record':
      return struct(shape);
    default:
      throw new UserError('SCHEMA', `spark: there is no type for ${describeShape(shape)}`);
  }
}
