import type { Schema } from './schema.ts';
import { ShapeSchema, shapeOf } from './shape-schema.ts';

export function array<T>(items: Schema<T>): Schema<T[]> {
  return new ShapeSchema({ kind: 'array', items: shapeOf(items) });
}

/** A plain object from any string to a value, as in JSON. */
export function map<V>(values: Schema<V>): Schema<Record<string, V>> {
  return new ShapeSchema({ kind: 'map', values: shapeOf(values) });
}
