/*
 * Avro object container file.
 *   head    "Obj" 1, map of metadata (avro.schema, avro.codec), 16 bytes sync marker
 *   blocks  long: number of records, long: bytes, packed records, sync marker
 */
import { ByteReader } from '../../../engine/base/bytes.ts';
import { RecordError, UserError } from '../../../engine/base/errors.ts';
import { map } from '../../../state/schema/collections.ts';
import { readLong } from '../../../state/schema/avro-binary.ts';
import { createResolver } from '../../../state/schema/resolver.ts';
import { bytes as bytesSchema } from '../../../state/schema/scalars.ts';
import type { AvroSchema, Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape } from '../../../state/schema/shape.ts';
import { DecodeError } from '../decode-error.ts';
import type { DecodeFormat, DecodeOutput, Framing, RecordDecoder } from '../decode-format.ts';
import { avroError } from './avro-binary.ts';
import { isContainerCodec, unpackBlock, type ContainerCodec } from './container-codec.ts';
import { MessageReader } from '../message-reader.ts';

export const MAGIC: Buffer = Buffer.from('Obj\u0001', 'latin1');
export const SYNC_BYTES = 16;
export const METADATA: Schema<Record<string, Uint8Array>> = map(bytesSchema());
/** A larger head or block is taken for broken. */
const BLOCK_BYTES_MAX = 256 * 1024 * 1024;
const HEAD_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Avro files with their schema in the head, as Hadoop, Spark and Avro's own tools write them; codecs null, deflate, snappy and
 * zstandard. Read by Avro's resolution rules: fields that the reader's schema does not have are skipped.
 *
 * A block is decoded as a whole; records inside of it have no offset of their own. A broken block is rejected whole, and
 * reading goes on behind the next sync marker.
 */
export function avroContainer<T>(schema: Schema<T>): DecodeFormat<T> {
  return {
    description: `avro file ${describeShape(shapeOf(schema))}`,
    createDecoder: (_framing: Framing): RecordDecoder<T> => new ContainerDecoder<T>(schema),
  };
}

class ContainerDecoder<T> implements RecordDecoder<T> {
  readonly #schema: Schema<T>;
  readonly #reader = new MessageReader();
  #decode: ((reader: ByteReader) => T) | undefined;
  #codec: ContainerCodec = 'null';
  #sync: Buffer = Buffer.alloc(SYNC_BYTES);

  constructor(schema: Schema<T>) {
    this.#schema = schema;
  }

  readHead(bytes: Buffer, end: number, isEnd: boolean): number | undefined {
    const mayGrow = !isEnd && end < HEAD_BYTES_MAX;
    if (end < MAGIC.length && mayGrow) return undefined;
    if (end < MAGIC.length || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
      throw new DecodeError('avro file: expected it to start with "Obj" and 1', { reason: 'PARSE', expected: 'Obj 1' });
    }
    const reader = new ByteReader(bytes, MAGIC.length, end);
    let metadata: Record<string, Uint8Array>;
    try {
      metadata = METADATA.decode(reader);
      if (reader.remaining < SYNC_BYTES) throw new RecordError('the sync marker is missing');
    } catch (error) {
      if (mayGrow && error instanceof RecordError) return undefined;
      throw new DecodeError(`avro file: the head is broken: ${(error as Error).message}`, {
        reason: 'PARSE',
        cause: error,
      });
    }
    this.#sync = Buffer.from(reader.bytes(SYNC_BYTES));
    this.#useMetadata(metadata);
    return reader.offset;
  }

  decode(bytes: Buffer, start: number, end: number, isEnd: boolean, output: DecodeOutput<T>): number {
    let at = start;
    if (this.#decode === undefined) at = this.readHead(bytes.subarray(start), end - start, true)! + start; // a message
    while (at < end) {
      const next = this.#block(bytes, at, end, isEnd, output);
      if (next < 0) return at;
      at = next;
    }
    return end;
  }

  findStart(bytes: Buffer, from: number, end: number): number {
    const sync = bytes.indexOf(this.#sync, Math.max(0, from - SYNC_BYTES));
    return sync < 0 || sync + SYNC_BYTES >= end ? -1 : sync + SYNC_BYTES;
  }

  /** @returns the offset behind the block, or -1 when it is not complete. */
  #block(bytes: Buffer, start: number, end: number, isEnd: boolean, output: DecodeOutput<T>): number {
    const reader = this.#reader.at(bytes, start, end);
    let recordCount: number;
    let byteCount: number;
    try {
      recordCount = readLong(reader);
      byteCount = readLong(reader);
    } catch (error) {
      if (!isEnd && end - start < 2 * 10) return -1;
      return this.#rejectBlock(bytes, start, end, isEnd, (error as Error).message, output);
    }
    const from = reader.offset;
    if (recordCount < 0 || byteCount < 0 || byteCount > BLOCK_BYTES_MAX) {
      return this.#rejectBlock(bytes, start, end, isEnd, `${recordCount} records in ${byteCount} bytes`, output);
    }
    const next = from + byteCount + SYNC_BYTES;
    if (next > end) return isEnd ? this.#rejectBlock(bytes, start, end, isEnd, 'it is torn', output) : -1;
    if (bytes.compare(this.#sync, 0, SYNC_BYTES, from + byteCount, next) !== 0) {
      return this.#rejectBlock(bytes, start, end, isEnd, 'there is no sync marker at its end', output);
    }
    this.#records(bytes, start, from, from + byteCount, recordCount, next, output);
    return next;
  }

  #records(
    bytes: Buffer,
    start: number,
    from: number,
    to: number,
    recordCount: number,
    next: number,
    output: DecodeOutput<T>,
  ): void {
    const decode = this.#decode!;
    try {
      const reader =
        this.#codec === 'null'
          ? this.#reader.at(bytes, from, to)
          : new ByteReader(unpackBlock(this.#codec, bytes.subarray(from, to)));
      for (let i = 1; i <= recordCount; i++) {
        const value = decode(reader);
        if (i === recordCount && reader.remaining !== 0)
          throw new RecordError(`${reader.remaining} bytes behind its last record`);
        output.record(value, i === recordCount ? next : -1);
      }
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      output.reject(avroError(error), start, next);
    }
  }

  /** Gives up the bytes up to behind the next sync marker. */
  #rejectBlock(
    bytes: Buffer,
    start: number,
    end: number,
    isEnd: boolean,
    problem: string,
    output: DecodeOutput<T>,
  ): number {
    const sync = bytes.indexOf(this.#sync, start);
    const isFound = sync >= 0 && sync + SYNC_BYTES <= end;
    if (!isFound && !isEnd && end - start < BLOCK_BYTES_MAX) return -1;
    const next = isFound ? sync + SYNC_BYTES : end;
    output.reject(new DecodeError(`avro block: ${problem}`, { reason: 'PARSE' }), start, next);
    return next;
  }

  #useMetadata(metadata: Record<string, Uint8Array>): void {
    const text = metadata['avro.schema'];
    if (text === undefined) throw new DecodeError('avro file: the head has no schema', { reason: 'PARSE' });
    const codec = metadata['avro.codec'] === undefined ? 'null' : Buffer.from(metadata['avro.codec']).toString();
    if (!isContainerCodec(codec)) {
      throw new DecodeError(`avro file: expected the codec null, deflate, snappy or zstandard, found ${codec}`, {
        reason: 'SCHEMA',
        found: codec,
      });
    }
    this.#codec = codec;
    try {
      this.#decode = createResolver(JSON.parse(Buffer.from(text).toString()) as AvroSchema, this.#schema);
    } catch (cause) {
      if (!(cause instanceof UserError) && !(cause instanceof SyntaxError)) throw cause;
      throw new DecodeError(`avro file: ${cause.message}`, { reason: 'SCHEMA', cause });
    }
  }
}
