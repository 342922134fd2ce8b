import { UserError } from '../../engine/base/errors.ts';
import type { Schema } from './schema.ts';
import { shapeOf } from './shape-schema.ts';
import { describeShape, type RecordShape, type Shape } from './shape.ts';

export type WarehouseDialect = 'postgres' | 'redshift';

/** Redshift's largest, in bytes; its default of 256 would cut addresses and user agents. */
const REDSHIFT_TEXT_BYTES = 65_535;

export interface WarehouseColumn {
  readonly name: string;
  readonly type: string;
  readonly isNullable: boolean;
  readonly doc: string | undefined;
}

/** The type of a PostgreSQL column that holds such a value: `bigint`, `numeric(18, 4)`. */
export function postgresType(schema: Schema<unknown>): string {
  return columnType(shapeOf(schema), 'postgres');
}

/** The type of a Redshift column that holds such a value. */
export function redshiftType(schema: Schema<unknown>): string {
  return columnType(shapeOf(schema), 'redshift');
}

/**
 * The columns of a table of such records, in the order of their fields. Arrays, maps, records and unions are JSON.
 *
 * @throws UserError SCHEMA when the schema is no record.
 */
export function warehouseColumns(schema: Schema<unknown>, dialect: WarehouseDialect): WarehouseColumn[] {
  const shape = recordShapeOf(schema);
  return shape.fields.map((field) => ({
    name: field.name,
    type: columnType(field.shape, dialect),
    isNullable: field.shape.kind === 'optional',
    doc: field.doc,
  }));
}

/** The column list of `CREATE TABLE`, one column a line, names quoted. */
export function tableColumnsDdl(schema: Schema<unknown>, dialect: WarehouseDialect): string {
  return warehouseColumns(schema, dialect)
    .map(({ name, type, isNullable }) => `  "${name}" ${type}${isNullable ? '' : ' NOT NULL'}`)
    .join(',\n');
}

function recordShapeOf(schema: Schema<unknown>): RecordShape {
  const shape = shapeOf(schema);
  if (shape.kind === 'record') return shape;
  throw new UserError('SCHEMA', `warehouse table: expected a record schema, found ${describeShape(shape)}`);
}

function columnType(shape: Shape, dialect: WarehouseDialect): string {
  const isPostgres = dialect === 'postgres';
  switch (shape.kind) {
    case 'optional':
      return columnType(shape.value, dialect);
    case 'boolean':
      return 'boolean';
    case 'int':
      return 'integer';
    case 'long':
      return 'bigint';
    case 'float':
      return 'real';
    case 'double':
      return 'double precision';
    case 'string':
    case 'enumeration':
      return isPostgres ? 'text' : `varchar(${REDSHIFT_TEXT_BYTES})`;
    case 'bytes':
    case 'fixed':
      return isPostgres ? 'bytea' : `varbyte(${shape.kind === 'fixed' ? shape.size : REDSHIFT_TEXT_BYTES})`;
    case 'timestamp':
      return 'timestamp with time zone';
    case 'decimal':
      return `numeric(${shape.precision}, ${shape.scale})`;
    case 'array':
    case 'map':
    case 'record':
    case 'union':
    case 'variant':
      return isPostgres ? 'jsonb' : 'super';
    default:
      throw new UserError('SCHEMA', `warehouse table: a column cannot hold ${describeShape(shape)}`);
  }
}
