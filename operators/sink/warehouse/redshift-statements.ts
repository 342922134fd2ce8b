import { UserError } from '../../../engine/base/errors.ts';
import { createLedger, lockLedger, readLedger, recordLoad } from './ledger-statements.ts';
import { columnList, keysAreEqual, literal, qualified, quoted } from './sql-text.ts';
import type { WarehouseLoad } from './warehouse.ts';
import type { WarehouseTable } from './warehouse-table.ts';

export interface RedshiftTableOptions {
  /** Column that rows are distributed by; default EVEN. */
  readonly distributionKey?: string | undefined;
  /** Columns that rows are sorted by, first the one that queries restrict. */
  readonly sortKey?: readonly string[] | undefined;
}

export interface RedshiftLoadOptions {
  /** Manifest of the Parquet sink for this checkpoint: `s3://lake/clicks/_manifests/…/….json`. */
  readonly manifestUrl: string;
  readonly iamRole: string;
  /**
   * Smallest and largest value of the leading sort column, as the manifest has them (`ranges`): a merge then reads only the
   * blocks in between. Only for a column that never changes for a key.
   */
  readonly range?:
    | { readonly column: string; readonly min: string | number; readonly max: string | number }
    | undefined;
  /** The Parquet sink's `rowKindColumn`, when its rows have kinds. */
  readonly rowKindColumn?: string | undefined;
}

/** A load as Redshift runs it: in this order, on one connection. */
export interface RedshiftLoad {
  /** `LOCK` comes first: the snapshot of the transaction is then taken after every earlier load. */
  readonly begin: readonly string[];
  /** Gives fingerprint, attempt and newest attempt; a fingerprint means loaded: roll back, done. */
  readonly readLedger: string;
  /** Fills the staging table. */
  readonly stage: readonly string[];
  /** Must give the manifest's number of rows. */
  readonly countStaged: string;
  /** Moves the rows to their table, records the load and commits. */
  readonly finish: readonly string[];
}

const STAGING = 'tidemark_staging';

/** Schema, ledger and table. Keys are declared although Redshift does not enforce them: its planner trusts them, and so may it. */
export function redshiftDdl(table: WarehouseTable, options: RedshiftTableOptions = {}): string[] {
  const { distributionKey, sortKey = [] } = options;
  for (const name of [...(distributionKey === undefined ? [] : [distributionKey]), ...sortKey])
    checkColumn(table, name);
  const lines = table.columns.map(
    ({ name, typeByDialect, isNullable }) =>
      `  ${quoted(name)} ${typeByDialect.redshift}${isNullable ? '' : ' NOT NULL'}`,
  );
  if (table.key.length > 0) lines.push(`  PRIMARY KEY (${columnList(table.key)})`);
  const distribution =
    distributionKey === undefined ? 'DISTSTYLE EVEN' : `DISTSTYLE KEY DISTKEY (${quoted(distributionKey)})`;
  const sort = sortKey.length === 0 ? '' : `\nCOMPOUND SORTKEY (${columnList(sortKey)})`;
  return [
    `CREATE SCHEMA IF NOT EXISTS ${quoted(table.namespace)}`,
    createLedger(table.namespace, 'redshift'),
    `CREATE TABLE IF NOT EXISTS ${qualified(table)} (\n${lines.join(',\n')}\n)\n${distribution}${sort}`,
  ];
}

/**
 * The statements that load one manifest. Parquet columns map by position, so the files must come from the same record.
 *
 * A table with a key is merged: the files must hold each key once per checkpoint (key the stream by it and keep the last
 * change of an epoch), since MERGE refuses two source rows for one target row.
 */
export function redshiftLoad(
  table: WarehouseTable,
  load: WarehouseLoad,
  options: RedshiftLoadOptions,
  rowCount: number,
): RedshiftLoad {
  const { manifestUrl, iamRole, rowKindColumn } = options;
  if (options.range !== undefined) checkColumn(table, options.range.column);
  const kindColumn = rowKindColumn === undefined ? '' : `, ${quoted(rowKindColumn)} varchar(2)`;
  return {
    begin: ['BEGIN', lockLedger(table.namespace)],
    readLedger: readLedger(table.namespace, load),
    stage: [
      `CREATE TEMP TABLE ${STAGING} (LIKE ${qualified(table)}${kindColumn})`,
      `COPY ${STAGING}\nFROM ${literal(manifestUrl)}\nIAM_ROLE ${literal(iamRole)}\nFORMAT AS PARQUET\nMANIFEST`,
    ],
    countStaged: `SELECT count(*) AS row_count FROM ${STAGING}`,
    finish: [
      ...(table.key.length === 0 ? [append(table)] : merge(table, options)),
      `DROP TABLE ${STAGING}`,
      recordLoad(table.namespace, load, rowCount),
      'COMMIT',
    ],
  };
}

function append(table: WarehouseTable): string {
  const columns = columnList(table.columns.map((column) => column.name));
  return `INSERT INTO ${qualified(table)} (${columns})\nSELECT ${columns} FROM ${STAGING}`;
}

function merge(table: WarehouseTable, { range, rowKindColumn }: RedshiftLoadOptions): string[] {
  const target = qualified(table);
  const columns = table.columns.map((column) => column.name);
  const isSameKey = keysAreEqual(table.key, target, STAGING);
  const inRange =
    range === undefined
      ? ''
      : `\n  AND ${target}.${quoted(range.column)} BETWEEN ${bound(range.min)} AND ${bound(range.max)}`;
  const deletions =
    rowKindColumn === undefined
      ? []
      : [
          `DELETE FROM ${target}\nUSING ${STAGING}\nWHERE ${isSameKey}${inRange}\n  AND ${STAGING}.${quoted(rowKindColumn)} IN ('-U', '-D')`,
          `DELETE FROM ${STAGING} WHERE ${quoted(rowKindColumn)} IN ('-U', '-D')`,
        ];
  const updated = columns.filter((name) => !table.key.includes(name));
  const update = (updated.length === 0 ? table.key : updated).map(
    (name) => `${quoted(name)} = ${STAGING}.${quoted(name)}`,
  );
  const inserted = columns.map((name) => `${STAGING}.${quoted(name)}`);
  return [
    ...deletions,
    `MERGE INTO ${target}\nUSING ${STAGING}\nON ${isSameKey}${inRange}\nWHEN MATCHED THEN UPDATE SET ${update.join(', ')}\nWHEN NOT MATCHED THEN INSERT (${columnList(columns)}) VALUES (${inserted.join(', ')})`,
  ];
}

function checkColumn(table: WarehouseTable, name: string): void {
  if (table.columns.some((column) => column.name === name)) return;
  throw new UserError('CONFIGURATION', `warehouse table ${table.namespace}.${table.name} has no column ${name}`, {
    hint: `Columns: ${table.columns.map((column) => column.name).join(', ')}.`,
  });
}

function bound(value: string | number): string {
  return typeof value === 'number' ? String(value) : literal(value);
}
