/** What a record does to a table of results: Flink's row kinds. Plain streams only insert. */
export type RowKind = 0 | 1 | 2 | 3;

/** `+I` */
export const INSERT = 0;
/** `-U`: the old value of an update. */
export const UPDATE_BEFORE = 1;
/** `+U`: the new value of an update. */
export const UPDATE_AFTER = 2;
/** `-D` */
export const DELETE = 3;

const SHORT_NAMES = ['+I', '-U', '+U', '-D'] as const;

/** `+I`, `-U`, `+U` or `-D`. */
export function rowKindName(kind: RowKind): (typeof SHORT_NAMES)[number] {
  return SHORT_NAMES[kind];
}

/** Whether the record takes a row back (`-U`, `-D`). */
export function isRetraction(kind: RowKind): boolean {
  return kind === UPDATE_BEFORE || kind === DELETE;
}
