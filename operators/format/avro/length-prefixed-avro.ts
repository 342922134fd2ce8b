import type { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { createResolver } from '../../../state/schema/resolver.ts';
import type { AvroSchema, Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { branchesOf, describeShape, shortName, type Shape } from '../../../state/schema/shape.ts';
import { parseAvroSchema } from '../../../state/schema/parse-avro-schema.ts';
import { DecodeError } from '../decode-error.ts';
import type { DecodeFormat, DecodeOutput, RecordDecoder } from '../decode-format.ts';
import type { EncodeFormat } from '../encode-format.ts';
import { decodeWhole } from './avro-binary.ts';
import { MessageReader } from '../message-reader.ts';

const PREFIX_BYTES = 4;
/** A longer record is taken for a broken length. */
const RECORD_BYTES_MAX = 64 * 1024 * 1024;

export interface LengthPrefixedAvroOptions {
  /** The schema that the records were written with. Default: the reader's own. */
  readonly writer?: AvroSchema | undefined;
  /**
   * What to do with records of a branch of the writer's union that the reader's schema does not have. `skip` passes over
   * them without decoding. Default `reject`.
   */
  readonly otherBranches?: 'reject' | 'skip' | undefined;
}

/** Records with a little-endian 32-bit length before each, and nothing between them. */
export function lengthPrefixedAvro<T>(schema: Schema<T>, options: LengthPrefixedAvroOptions = {}): DecodeFormat<T> {
  const isSkipping = options.otherBranches === 'skip';
  const writer = options.writer ?? schema.avro;
  const decode = createResolver(writer, schema, { isLenient: isSkipping });
  const skips = isSkipping ? skippedBranches(shapeOf(parseAvroSchema(writer)), shapeOf(schema)) : undefined;
  return {
    description: `length-prefixed avro ${describeShape(shapeOf(schema))}`,
    createDecoder: () => new LengthPrefixedDecoder<T>(decode, skips),
  };
}

export function lengthPrefixedAvroEncoder<T>(schema: Schema<T>): EncodeFormat<T> {
  return {
    description: `length-prefixed avro ${describeShape(shapeOf(schema))}`,
    encode(writer: ByteWriter, value: T): void {
      const at = writer.reserve(PREFIX_BYTES);
      try {
        schema.encode(writer, value);
      } catch (error) {
        writer.length = at;
        throw error;
      }
      writer.view.setUint32(at, writer.length - at - PREFIX_BYTES, true);
    },
    separator: '',
  };
}

/** By the first byte of a record, which is twice the branch number: whether the reader has no such branch. */
function skippedBranches(writer: Shape, reader: Shape): Uint8Array {
  const skips = new Uint8Array(256);
  const wanted = (branchesOf(reader) ?? [reader]).flatMap(namesOf);
  (branchesOf(writer) ?? []).slice(0, 64).forEach((branch, index) => {
    if (!wanted.includes(namesOf(branch)[0]!)) skips[index * 2] = 1;
  });
  return skips;
}

function namesOf(shape: Shape): string[] {
  return shape.kind === 'record' ? [shape.name, ...shape.aliases].map(shortName) : [shape.kind];
}

class LengthPrefixedDecoder<T> implements RecordDecoder<T> {
  readonly #decode: (reader: ByteReader) => T;
  readonly #skips: Uint8Array | undefined;
  readonly #reader = new MessageReader();

  constructor(decode: (reader: ByteReader) => T, skips: Uint8Array | undefined) {
    this.#decode = decode;
    this.#skips = skips;
  }

  decode(bytes: Buffer, start: number, end: number, isEnd: boolean, output: DecodeOutput<T>): number {
    const reader = this.#reader.at(bytes, start, end);
    const skips = this.#skips;
    let at = start;
    while (at + PREFIX_BYTES <= end) {
      const length = reader.view.getUint32(at, true);
      const from = at + PREFIX_BYTES;
      const next = from + length;
      if (length > RECORD_BYTES_MAX) {
        throw new DecodeError(`expected a record of at most ${RECORD_BYTES_MAX} bytes, found the length ${length}`, {
          reason: 'PARSE',
        });
      }
      if (next > end) break;
      if (skips === undefined || length === 0 || skips[bytes[from]!] === 0) {
        reader.offset = from;
        reader.end = next;
        decodeWhole(this.#decode, reader, at, output);
      }
      at = next;
    }
    if (!isEnd || at === end) return at;
    const found = `${end - at} bytes of a torn one`;
    output.reject(
      new DecodeError(`expected a whole record at the end, found ${found}`, {
        reason: 'PARSE',
        expected: 'a whole record',
        found,
      }),
      at,
      end,
    );
    return end;
  }
}
