import { type ByteReader, ByteReader as Reader, ByteWriter } from '../../engine/base/bytes.ts';
import { readLong, writeLong } from '../../state/schema/avro-binary.ts';
import { array } from '../../state/schema/collections.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { ShapeSchema, shapeOf } from '../../state/schema/shape-schema.ts';

/**
 * Rows of which most are bytes: a page with them is read and written without decoding any. A plain object, as state has to
 * be. Rows that were read as an older format are a plain array.
 */
export interface PackedRows<T> {
  /** Avro binary of the first rows, a character per byte: strings need no memory outside of the heap and grow cheaply. */
  packed: string;
  packedCount: number;
  /** The rows behind them. */
  rows: T[];
}

/** A size as a zigzag varint that always takes this many bytes. */
const SIZE_BYTES = 5;

/** Calls of Node's Buffer that its types leave out: without checks of arguments. */
interface RawBuffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
}

/*
 * In Avro's terms an array of rows, in one block that gives its size:
 *   long    -(number of rows)
 *   long    bytes of the block, padded to 5 bytes
 *   rows
 *   long    0
 */
class PackedRowsSchema<T> extends ShapeSchema<PackedRows<T>> {
  constructor(schema: Schema<T>) {
    super({ kind: 'array', items: shapeOf(schema) });
    const plain = array(schema);
    this.encode = (writer, value) => {
      if (Array.isArray(value)) {
        plain.encode(writer, value);
        return;
      }
      const { packed, packedCount, rows } = value;
      writeLong(writer, -(packedCount + rows.length));
      const sizeAt = writer.reserve(SIZE_BYTES);
      writer.ensure(packed.length);
      const start = writer.length;
      (writer.buffer as unknown as RawBuffer).latin1Write(packed, start, packed.length);
      writer.length = start + packed.length;
      for (let i = 0; i < rows.length; i++) schema.encode(writer, rows[i]!);
      putSize(writer.buffer, sizeAt, writer.length - start);
      writer.u8(0);
    };
    this.decode = (reader) => {
      const value: PackedRows<T> = { packed: '', packedCount: 0, rows: [] };
      for (let count = readLong(reader); count !== 0; count = readLong(reader)) {
        if (count > 0) {
          // Written as an array by someone else.
          for (let i = 0; i < count; i++) value.rows.push(schema.decode(reader));
        } else {
          if (value.rows.length > 0) packRows(value, schema);
          const size = readLong(reader);
          const at = reader.take(size);
          value.packed += (reader.buffer as unknown as RawBuffer).latin1Slice(at, at + size);
          value.packedCount -= count;
        }
      }
      return value;
    };
  }
}

function putSize(buffer: Buffer, at: number, size: number): void {
  let zigzag = size * 2;
  for (let i = 0; i < SIZE_BYTES - 1; i++) {
    buffer[at + i] = (zigzag & 0x7f) | 0x80;
    zigzag = Math.floor(zigzag / 128);
  }
  buffer[at + SIZE_BYTES - 1] = zigzag;
}

/** How packed rows are stored: as an Avro array of them. */
export function packedRowsSchema<T>(schema: Schema<T>): Schema<PackedRows<T>> {
  return new PackedRowsSchema(schema);
}

/** Shared by everything that packs: used within one call only. */
const SCRATCH = new ByteWriter(4096);

/** Encodes one row into a string of a character per byte. */
export function packRow<T>(row: T, schema: Schema<T>): string {
  SCRATCH.clear();
  schema.encode(SCRATCH, row);
  return (SCRATCH.buffer as unknown as RawBuffer).latin1Slice(0, SCRATCH.length);
}

/** Encodes the rows that are not yet packed. */
export function packRows<T>(value: PackedRows<T>, schema: Schema<T>): void {
  const { rows } = value;
  SCRATCH.clear();
  for (let i = 0; i < rows.length; i++) schema.encode(SCRATCH, rows[i]!);
  value.packed += (SCRATCH.buffer as unknown as RawBuffer).latin1Slice(0, SCRATCH.length);
  value.packedCount += rows.length;
  value.rows = [];
}

/** Longer texts are not kept alive by strings that are cut from them. */
const CUT_BYTES_MAX = 4096;

/** Reads packed text: one buffer, used again. */
export class PackedReader {
  #buffer: Buffer = Buffer.allocUnsafeSlow(1024);
  #reader: ByteReader = new Reader(this.#buffer);

  /** A reader over `packed`, valid until the next call. */
  open(packed: string): ByteReader {
    const { length } = packed;
    if (length > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(length * 2);
      this.#reader = new Reader(this.#buffer);
    }
    (this.#buffer as unknown as RawBuffer).latin1Write(packed, 0, length);
    const reader = this.#reader;
    reader.offset = 0;
    reader.end = length;
    // The codec cuts strings from it instead of making each.
    const isShort = length <= CUT_BYTES_MAX;
    reader.text = isShort ? packed : '';
    reader.textStart = 0;
    reader.textEnd = isShort ? length : 0;
    return reader;
  }
}
