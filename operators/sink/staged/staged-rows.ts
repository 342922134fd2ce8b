import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { CheckpointCorruptError } from '../../../engine/base/errors.ts';
import { INSERT, type RowKind } from '../../../engine/task/row-kind.ts';
import { createResolver } from '../../../state/schema/resolver.ts';
import type { AvroSchema, Schema } from '../../../state/schema/schema.ts';

/*
 * Staged rows, version 1. Little-endian.
 *   0  u32  magic       'TMSR'
 *   4  u8   version     1
 *   5  u32  byte length of the schema, then the writer's Avro schema as JSON, UTF-8
 *   …  per row: u8 row kind, then the row in Avro's binary form
 *  -8  u32  row count
 *  -4  u32  CRC-32 of everything before
 */
const MAGIC = 0x5253_4d54;
const VERSION = 1;
const TRAILER_BYTES = 8;

/** Rows of an epoch that wait for their commit, encoded as they come. */
export class StagedRowsWriter<T> {
  readonly #schema: Schema<T>;
  #writer = new ByteWriter();
  #headerBytes = 0;
  rowCount = 0;

  constructor(schema: Schema<T>) {
    this.#schema = schema;
    this.#begin();
  }

  get byteCount(): number {
    return this.#writer.length - this.#headerBytes;
  }

  /** @throws RecordError when the row does not fit the schema; the writer is then as it was before. */
  append(row: T, kind: RowKind = INSERT): void {
    const writer = this.#writer;
    const start = writer.length;
    writer.u8(kind);
    try {
      this.#schema.encode(writer, row);
    } catch (error) {
      writer.length = start;
      throw error;
    }
    this.rowCount++;
  }

  /** Hands out what was written, as bytes of their own, and begins anew. */
  take(): Uint8Array {
    const writer = this.#writer;
    writer.u32(this.rowCount);
    writer.u32(crc32(writer.written()));
    const bytes = writer.written();
    this.#writer = new ByteWriter();
    this.#begin();
    return bytes;
  }

  #begin(): void {
    this.#writer.u32(MAGIC);
    this.#writer.u8(VERSION);
    this.#writer.string(JSON.stringify(this.#schema.avro));
    this.#headerBytes = this.#writer.length;
    this.rowCount = 0;
  }
}

/**
 * Reads staged rows one by one. Rows of an older schema of the same record are read by Avro's rules.
 *
 * Usage: `while (reader.next()) use(reader.row, reader.kind)`.
 */
export class StagedRowsReader<T> {
  /** Of the last `next`. */
  row: T | undefined;
  kind: RowKind = INSERT;
  readonly rowCount: number;
  /** As `checksumOf` gives it. */
  readonly checksum: number;
  readonly #reader: ByteReader;
  readonly #decode: (reader: ByteReader) => T;
  readonly #where: string;
  #readCount = 0;

  /**
   * @param where for messages: the object the bytes come from.
   * @throws CheckpointCorruptError when the bytes are torn or damaged.
   * @throws UserError SCHEMA when the schemas do not resolve.
   */
  constructor(bytes: Uint8Array, schema: Schema<T>, where: string) {
    const end = bytes.length - TRAILER_BYTES;
    const reader = new ByteReader(bytes, 0, Math.max(0, end));
    const isWhole = end >= 9 && reader.view.getUint32(end + 4, true) === crc32(bytes.subarray(0, end + 4));
    if (!isWhole || reader.u32() !== MAGIC) {
      throw new CheckpointCorruptError(`staged rows ${where}: ${bytes.length} bytes fail their checksum`);
    }
    const version = reader.u8();
    if (version !== VERSION) {
      throw new CheckpointCorruptError(`staged rows ${where}: expected version ${VERSION}, found ${version}`);
    }
    const writerSchema = reader.string();
    this.#decode =
      writerSchema === JSON.stringify(schema.avro)
        ? (from) => schema.decode(from)
        : createResolver(JSON.parse(writerSchema) as AvroSchema, schema, { subject: `staged rows ${where}` });
    this.rowCount = reader.view.getUint32(end, true);
    this.checksum = checksumOf(bytes);
    this.#reader = reader;
    this.#where = where;
  }

  /** Moves to the next row; false at the end. */
  next(): boolean {
    const reader = this.#reader;
    if (this.#readCount === this.rowCount) {
      if (reader.remaining === 0) return false;
      throw new CheckpointCorruptError(
        `staged rows ${this.#where}: ${reader.remaining} bytes are left after ${this.rowCount} rows`,
      );
    }
    this.#readCount++;
    this.kind = reader.u8() as RowKind;
    this.row = this.#decode(reader);
    return true;
  }
}

/**
 * The checksum that staged rows carry at their end, which stands for their content. (A CRC over all of the bytes would not:
 * over data and its own CRC it is the same for any data.)
 */
export function checksumOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true);
}
