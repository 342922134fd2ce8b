import { array } from '../../state/schema/collections.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { ShapeSchema, shapeOf } from '../../state/schema/shape-schema.ts';
import { PackedReader, type PackedRows, packedRowsSchema } from './packed-rows.ts';

/**
 * The first rows of a key in some order. They stay bytes until one is looked at: most records that come for a full list do
 * not make it, which the last row alone decides. A plain object, as state has to be; the arrays are never changed.
 */
export interface TopRows<T> {
  /** Avro binary of all rows, the last one first; empty when they are decoded. */
  packed: string;
  packedCount: number;
  /** In order; empty while they are packed. */
  rows: readonly T[];
  /** The last row, once it was asked for. */
  last: T | undefined;
}

/** Heap bytes of a row per encoded byte, about. */
const HEAP_BYTES_PER_BYTE = 4;
/** Running averages weigh the last list so much. */
const AVERAGE_WEIGHT = 1 / 16;

/** How they are stored: as an Avro array, the last row first. */
export class TopRowsSchema<T> extends ShapeSchema<TopRows<T>> {
  /** Heap bytes that one more row takes, as far as known: a whole number. */
  rowHeapBytes = 64 * HEAP_BYTES_PER_BYTE;

  constructor(schema: Schema<T>) {
    super(shapeOf(array(schema)) as never);
    const packedRows = packedRowsSchema(schema);
    this.encode = (writer, { packed, packedCount, rows }) => {
      const start = writer.length;
      packedRows.encode(writer, { packed, packedCount, rows: packedCount > 0 ? [] : rows.toReversed() });
      const heapBytes = (HEAP_BYTES_PER_BYTE * (writer.length - start)) / Math.max(1, packedCount + rows.length);
      this.rowHeapBytes += Math.round((heapBytes - this.rowHeapBytes) * AVERAGE_WEIGHT);
    };
    this.decode = (reader) => topRowsOf(packedRows.decode(reader));
  }
}

function topRowsOf<T>({ packed, packedCount, rows }: PackedRows<T>): TopRows<T> {
  return { packed, packedCount, rows: rows.toReversed(), last: undefined };
}

/** Reads top rows. */
export class TopRowsReader<T> {
  readonly #schema: Schema<T>;
  readonly #reader: PackedReader = new PackedReader();

  constructor(schema: Schema<T>) {
    this.#schema = schema;
  }

  countOf(top: TopRows<T>): number {
    return top.packedCount + top.rows.length;
  }

  /** The last of at least one row. */
  lastOf(top: TopRows<T>): T {
    if (top.last !== undefined) return top.last;
    const last =
      top.packedCount > 0 ? this.#schema.decode(this.#reader.open(top.packed)) : top.rows[top.rows.length - 1]!;
    top.last = last;
    return last;
  }

  /** All rows, in order. */
  rowsOf(top: TopRows<T>): readonly T[] {
    if (top.packedCount === 0) return top.rows;
    const rows: T[] = [];
    const reader = this.#reader.open(top.packed);
    for (let i = 0; i < top.packedCount; i++) rows.push(this.#schema.decode(reader));
    rows.reverse();
    return rows;
  }

  /** State of an older format comes as an array, the last row first. */
  adopt(top: TopRows<T>): TopRows<T> {
    if (!Array.isArray(top)) return top;
    return { packed: '', packedCount: 0, rows: (top as T[]).toReversed(), last: undefined };
  }
}

export function topRows<T>(rows: readonly T[]): TopRows<T> {
  return { packed: '', packedCount: 0, rows, last: undefined };
}
