import type { TableColumn, WarehouseTable } from './warehouse-table.ts';

/** A column as the database has it. */
export interface FoundColumn {
  readonly name: string;
  /** As `format_type` writes it. */
  readonly type: string;
  /** An insert must give it a value. */
  readonly isRequired: boolean;
}

/** Why a table cannot take the rows, one line each; empty when it can. Binary COPY converts nothing, so types must be equal. */
export function describeDifferences(table: WarehouseTable, found: readonly FoundColumn[]): string[] {
  const differences: string[] = [];
  for (const column of table.columns) {
    const other = found.find((candidate) => candidate.name === column.name);
    const expected = column.typeByDialect.postgres;
    if (other === undefined) {
      differences.push(`column ${column.name} ${expected} is missing`);
    } else if (!isSameType(column, other.type)) {
      differences.push(`column ${column.name}: expected ${expected}, found ${other.type}`);
    } else if (column.isNullable && other.isRequired) {
      differences.push(`column ${column.name} is NOT NULL, but field ${column.field} is optional`);
    }
  }
  for (const { name, isRequired } of found) {
    if (isRequired && !table.columns.some((column) => column.name === name)) {
      differences.push(`column ${name} is NOT NULL without a default, and the record has no such field`);
    }
  }
  return differences;
}

function isSameType({ typeByDialect }: TableColumn, found: string): boolean {
  const expected = normalized(typeByDialect.postgres);
  const other = normalized(found);
  if (expected === other) return true;
  // The same on the wire, and nothing is cut or rounded.
  if (expected === 'text') return other === 'charactervarying';
  return expected.startsWith('numeric(') && other === 'numeric';
}

function normalized(type: string): string {
  return type.replaceAll(' ', '').toLowerCase();
}
