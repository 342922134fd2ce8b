import { UserError } from '../../../engine/base/errors.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape, type Shape } from '../../../state/schema/shape.ts';
import { type WarehouseDialect, warehouseColumns } from '../../../state/schema/warehouse-types.ts';

/** A table of a warehouse, as a sink sees it; the same for every database. */
export interface WarehouseTable {
  /** Schema of the database: `dw`. */
  readonly namespace: string;
  readonly name: string;
  /** In the order of the record's fields. */
  readonly columns: readonly TableColumn[];
  /** Names of the columns that identify a row; empty for tables that only grow. */
  readonly key: readonly string[];
}

export interface TableColumn {
  /** In the table. */
  readonly name: string;
  /** Field of the record. */
  readonly field: string;
  /** Of the values, without optional. */
  readonly shape: Shape;
  readonly isNullable: boolean;
  readonly doc: string | undefined;
  readonly typeByDialect: Readonly<Record<WarehouseDialect, string>>;
}

export interface WarehouseTableOptions {
  /** `fact_click`, or `schema.fact_click`; default schema `dw`. */
  readonly table: string;
  readonly schema: Schema<never>;
  /** Fields that identify a row. */
  readonly key: readonly string[];
  readonly columnName: (field: string) => string;
}

export const DEFAULT_NAMESPACE = 'dw';

/** PostgreSQL cuts longer names without saying so. */
const NAME_BYTES_MAX = 63;

/** @throws UserError SCHEMA or CONFIGURATION when record, names and key do not make a table. */
export function warehouseTable(options: WarehouseTableOptions): WarehouseTable {
  const schema = options.schema as Schema<unknown>;
  const shape = shapeOf(schema);
  if (shape.kind !== 'record') {
    throw new UserError(
      'SCHEMA',
      `warehouse table ${options.table}: expected a record schema, found ${describeShape(shape)}`,
    );
  }
  const [namespace, name] = splitName(options.table);
  const postgres = warehouseColumns(schema, 'postgres');
  const redshift = warehouseColumns(schema, 'redshift');
  const columns = shape.fields.map((field, index): TableColumn => {
    const isNullable = field.shape.kind === 'optional';
    return {
      name: checkedName(options.columnName(field.name), `column of field ${field.name}`),
      field: field.name,
      shape: field.shape.kind === 'optional' ? field.shape.value : field.shape,
      isNullable,
      doc: field.doc,
      typeByDialect: { postgres: postgres[index]!.type, redshift: redshift[index]!.type },
    };
  });
  const twice = columns.find((column, index) => columns.findIndex((other) => other.name === column.name) !== index);
  if (twice !== undefined) {
    throw new UserError('SCHEMA', `warehouse table ${options.table}: two fields give the column ${twice.name}`);
  }
  const key = options.key.map((field) => {
    const column = columns.find((candidate) => candidate.field === field);
    if (column !== undefined && !column.isNullable) return column.name;
    const problem = column === undefined ? 'is no field of the record' : 'is optional';
    throw new UserError('CONFIGURATION', `warehouse table ${options.table}: key field ${field} ${problem}`, {
      hint: `Fields: ${shape.fields.map((candidate) => candidate.name).join(', ')}. A key must always have a value.`,
    });
  });
  return { namespace, name, columns, key };
}

/** `clickId` as `click_id`: what SQL can write without quotes, and the same in databases that fold names to lower case. */
export function snakeCase(field: string): string {
  return field
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}

function splitName(table: string): [namespace: string, name: string] {
  const parts = table.split('.');
  if (parts.length > 2)
    throw new UserError('CONFIGURATION', `expected a table such as fact_click or dw.fact_click, found ${table}`);
  const name = checkedName(parts.at(-1)!, 'table');
  return [parts.length === 2 ? checkedName(parts[0]!, 'schema') : DEFAULT_NAMESPACE, name];
}

function checkedName(name: string, what: string): string {
  if (name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  throw new UserError(
    'CONFIGURATION',
    `${what}: expected a name of 1 to ${NAME_BYTES_MAX} bytes, found ${JSON.stringify(name)}`,
  );
}
