import type { WarehouseTable } from './warehouse-table.ts';

/** A name in SQL, whatever its letters. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Text as a literal of SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function qualified(table: Pick<WarehouseTable, 'namespace' | 'name'>): string {
  return `${quoted(table.namespace)}.${quoted(table.name)}`;
}

export function columnList(names: readonly string[]): string {
  return names.map(quoted).join(', ');
}

/** `target."a" = staging."a" AND …` */
export function keysAreEqual(key: readonly string[], left: string, right: string): string {
  return key.map((name) => `${left}.${quoted(name)} = ${right}.${quoted(name)}`).join(' AND ');
}
