import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { ListState, ValueState } from '../../state/keyed/state.ts';
import { record } from '../../state/schema/record.ts';
import { createResolver } from '../../state/schema/resolver.ts';
import type { AvroSchema, Schema } from '../../state/schema/schema.ts';
import { PackedReader, type PackedRows, packedRowsSchema, packRow, packRows } from './packed-rows.ts';

/** Rows that are kept as objects before they are packed together. */
const LOOSE_ROWS_MAX = 32;
/** Bytes of packed rows that lie in the page; what is more goes to blocks, which are kept apart when there are many. */
const BLOCK_BYTES = 16 << 10;
/** Heap bytes of a row as an object: so many, and so many per encoded byte. */
const ROW_HEAP_BYTES = 48;
const HEAP_BYTES_PER_BYTE = 2;

/**
 * A bag of rows per key, without time-to-live. Adding a row touches none of those that are there; reading decodes each
 * once; of many rows only the last ones lie in the page.
 */
export class RowList<T> {
  readonly #name: string;
  readonly #schema: Schema<T>;
  readonly #reader: PackedReader = new PackedReader();
  /** Heap bytes that one more row adds, about. */
  #rowBytes = ROW_HEAP_BYTES + HEAP_BYTES_PER_BYTE * 64;
  #skip: ((reader: ReturnType<PackedReader['open']>) => void) | undefined;
  /** The newest rows. */
  #newest: ValueState<PackedRows<T>> = undefined as never;
  /** Older ones, oldest first. */
  #blocks: ListState<PackedRows<T>> = undefined as never;

  constructor(name: string, schema: Schema<T>) {
    this.#name = name;
    this.#schema = schema;
  }

  open(context: OperatorContext): void {
    const { keyedState } = context;
    const schema = packedRowsSchema(this.#schema);
    this.#newest = keyedState.state({ kind: 'value', name: this.#name, schema });
    this.#blocks = keyedState.state({ kind: 'list', name: `${this.#name}-blocks`, schema });
  }

  add(row: T): void {
    const value = this.#newest.value();
    if (value === undefined) {
      this.#newest.update({ packed: '', packedCount: 0, rows: [row] }, this.#rowBytes);
      return;
    }
    const rows = this.#packedOf(value);
    rows.rows.push(row);
    if (rows.rows.length >= LOOSE_ROWS_MAX) {
      packRows(rows, this.#schema);
      this.#rowBytes = Math.ceil(ROW_HEAP_BYTES + (HEAP_BYTES_PER_BYTE * rows.packed.length) / rows.packedCount);
      if (rows.packed.length >= BLOCK_BYTES) {
        this.#blocks.add(rows);
        this.#newest.clear();
        return;
      }
    }
    this.#newest.update(rows, this.#rowBytes);
  }

  /** Appends all rows of the current key to `into`, oldest first. Returns how many they are. */
  readInto(into: T[]): number {
    const before = into.length;
    const value = this.#newest.value();
    // There is always a newest row, unless it was removed or has just filled its block.
    for (const block of this.#blocks.get()) this.#read(this.#packedOf(block), into);
    if (value !== undefined) this.#read(this.#packedOf(value), into);
    return into.length - before;
  }

  /** Removes one row that is stored as the same bytes as this one. Returns whether there was any. */
  remove(row: T): boolean {
    const text = packRow(row, this.#schema);
    const value = this.#newest.value();
    if (value !== undefined) {
      const rows = this.#packedOf(value);
      if (this.#removeFrom(rows, text)) {
        this.#newest.update(rows.packedCount === 0 ? undefined : rows);
        return true;
      }
    }
    const blocks = [...this.#blocks.get()];
    for (let i = blocks.length - 1; i >= 0; i--) {
      const block = { ...this.#packedOf(blocks[i]!) };
      if (!this.#removeFrom(block, text)) continue;
      if (block.packedCount === 0) blocks.splice(i, 1);
      else blocks[i] = block;
      this.#blocks.update(blocks);
      return true;
    }
    return false;
  }

  clear(): void {
    if (this.#newest.value() !== undefined) this.#newest.clear();
    if (this.#blocks.get().length > 0) this.#blocks.clear();
  }

  #read({ packed, packedCount, rows }: PackedRows<T>, into: T[]): void {
    if (packedCount > 0) {
      const reader = this.#reader.open(packed);
      const schema = this.#schema;
      for (let i = 0; i < packedCount; i++) into.push(schema.decode(reader));
    }
    for (let i = 0; i < rows.length; i++) into.push(rows[i]!);
  }

  #removeFrom(value: PackedRows<T>, text: string): boolean {
    if (value.rows.length > 0) packRows(value, this.#schema);
    const { packed } = value;
    for (let at = packed.indexOf(text); at >= 0; at = packed.indexOf(text, at + 1)) {
      // The same bytes may stand across two rows.
      if (!this.#isRowStart(packed, at)) continue;
      value.packed = packed.slice(0, at) + packed.slice(at + text.length);
      value.packedCount--;
      return true;
    }
    return false;
  }

  #isRowStart(packed: string, at: number): boolean {
    const skip = (this.#skip ??= skipperOf(this.#schema));
    const reader = this.#reader.open(packed);
    while (reader.offset < at) skip(reader);
    return reader.offset === at;
  }

  /** State of an older format comes as an array. */
  #packedOf(value: PackedRows<T>): PackedRows<T> {
    return Array.isArray(value) ? { packed: '', packedCount: 0, rows: value as T[] } : value;
  }
}

/** Moves a reader past a row, without making what it can leave out. */
function skipperOf(schema: Schema<unknown>): (reader: ReturnType<PackedReader['open']>) => void {
  const avro = schema.avro as Exclude<AvroSchema, string | readonly AvroSchema[]>;
  if (avro.type !== 'record') return (reader) => void schema.decode(reader);
  return createResolver(schema.avro, record(String(avro['name']), {}));
}
