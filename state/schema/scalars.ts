import type { Schema } from './schema.ts';
import { ShapeSchema } from './shape-schema.ts';

export function string(): Schema<string> {
  return new ShapeSchema({ kind: 'string' });
}

export function boolean(): Schema<boolean> {
  return new ShapeSchema({ kind: 'boolean' });
}

/** An integer of 32 bits. */
export function int(): Schema<number> {
  return new ShapeSchema({ kind: 'int' });
}

/**
 * An integer as a JavaScript number: Avro's `long`, restricted to the safe integers (below 2^53 in magnitude). Beyond them
 * writing and reading is an error, never a rounded number.
 */
export function long(): Schema<number> {
  return new ShapeSchema({ kind: 'long' });
}

/** A JavaScript number as it is: Avro's `double`. For money use `decimal`, or `long` with the unit in the name. */
export function float64(): Schema<number> {
  return new ShapeSchema({ kind: 'double' });
}

export function bytes(): Schema<Uint8Array> {
  return new ShapeSchema({ kind: 'bytes' });
}

/** A moment: integer milliseconds since the epoch (Avro `long`, `timestamp-millis`). JSON and CSV may write it as ISO-8601. */
export function timestampMs(): Schema<number> {
  return new ShapeSchema({ kind: 'timestamp' });
}
