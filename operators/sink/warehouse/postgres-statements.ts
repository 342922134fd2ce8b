import { columnList, keysAreEqual, qualified, quoted } from './sql-text.ts';
import type { TableColumn, WarehouseTable } from './warehouse-table.ts';

/** Columns of the staging table besides the record's. */
export const ORDINAL_COLUMN = '_ordinal';
export const DELETE_COLUMN = '_is_delete';

const STAGING = 'tidemark_staging';

export function createTable(table: WarehouseTable): string {
  const lines = table.columns.map((column) => `  ${columnDefinition(column)}`);
  if (table.key.length > 0) lines.push(`  PRIMARY KEY (${columnList(table.key)})`);
  return `CREATE TABLE IF NOT EXISTS ${qualified(table)} (\n${lines.join(',\n')}\n)`;
}

export function addColumn(table: WarehouseTable, column: TableColumn): string {
  return `ALTER TABLE ${qualified(table)} ADD COLUMN IF NOT EXISTS ${columnDefinition(column)}`;
}

/** Rows that are only added go straight into their table. */
export function copyIntoTable(table: WarehouseTable): string {
  return `COPY ${qualified(table)} (${columnList(namesOf(table))}) FROM STDIN (FORMAT binary)`;
}

/** Rows with a key go into a table of their own first, which ends with the transaction. */
export function createStaging(table: WarehouseTable): string {
  const columns = table.columns.map(({ name, typeByDialect }) => `  ${quoted(name)} ${typeByDialect.postgres}`);
  columns.push(`  ${quoted(ORDINAL_COLUMN)} bigint`, `  ${quoted(DELETE_COLUMN)} boolean`);
  return `CREATE TEMP TABLE ${STAGING} (\n${columns.join(',\n')}\n) ON COMMIT DROP`;
}

export function copyIntoStaging(table: WarehouseTable): string {
  return `COPY ${STAGING} (${columnList([...namesOf(table), ORDINAL_COLUMN, DELETE_COLUMN])}) FROM STDIN (FORMAT binary)`;
}

/** Replaces the rows whose keys are staged by the last staged row of each key, unless that deletes. */
export function mergeStaging(table: WarehouseTable): string[] {
  const columns = columnList(namesOf(table));
  return [
    `DELETE FROM ${qualified(table)} AS target USING ${STAGING} AS staging WHERE ${keysAreEqual(table.key, 'target', 'staging')}`,
    `INSERT INTO ${qualified(table)} (${columns})
SELECT ${columns}
FROM (
  SELECT *, row_number() OVER (PARTITION BY ${columnList(table.key)} ORDER BY ${quoted(ORDINAL_COLUMN)} DESC) AS _rank
  FROM ${STAGING}
) AS ranked
WHERE _rank = 1 AND NOT ${quoted(DELETE_COLUMN)}`,
  ];
}

function columnDefinition({ name, typeByDialect, isNullable }: TableColumn): string {
  return `${quoted(name)} ${typeByDialect.postgres}${isNullable ? '' : ' NOT NULL'}`;
}

function namesOf(table: WarehouseTable): string[] {
  return table.columns.map((column) => column.name);
}
