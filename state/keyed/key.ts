/**
 * What records are keyed by. Strings and integers hash as Java's do, so that key groups are those of Flink; several
 * fields are keyed by `compositeKey`.
 */
export type Key = string | number | bigint | boolean;

/** Scope of a state or timer inside a key: a window, or `VOID_NAMESPACE`. Primitive, so that it can be a map's key. */
export type Namespace = string | number;

export const VOID_NAMESPACE: Namespace = 0;
