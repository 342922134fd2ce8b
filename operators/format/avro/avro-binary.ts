import type { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { RecordError, UserError } from '../../../engine/base/errors.ts';
import { createResolver } from '../../../state/schema/resolver.ts';
import type { AvroSchema, Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape } from '../../../state/schema/shape.ts';
import { DecodeError } from '../decode-error.ts';
import type { DecodeFormat, DecodeOutput, Framing, RecordDecoder } from '../decode-format.ts';
import type { EncodeFormat } from '../encode-format.ts';
import { MessageReader } from '../message-reader.ts';

export interface AvroBinaryOptions {
  /** The schema that the messages were written with. Default: the reader's own. */
  readonly writer?: AvroSchema | undefined;
}

/** Plain Avro binary, one record a message, without any header. */
export function avroBinary<T>(schema: Schema<T>, options: AvroBinaryOptions = {}): DecodeFormat<T> {
  const description = `avro ${describeShape(shapeOf(schema))}`;
  const resolve = options.writer === undefined ? undefined : createResolver(options.writer, schema);
  return {
    description,
    createDecoder: (framing: Framing): RecordDecoder<T> => {
      refuseStream(framing, description);
      return new AvroMessageDecoder<T>(resolve ?? ((reader) => schema.decode(reader)));
    },
  };
}

/** What `avroBinary` reads. */
export function avroBinaryEncoder<T>(schema: Schema<T>): EncodeFormat<T> {
  return {
    description: `avro ${describeShape(shapeOf(schema))}`,
    encode: (writer: ByteWriter, value: T) => schema.encode(writer, value),
    separator: '',
  };
}

/** Nothing in bare Avro says where a record ends. */
export function refuseStream(framing: Framing, description: string): void {
  if (framing === 'message') return;
  throw new UserError('CONFIGURATION', `${description}: a format of single messages cannot be read from a file`, {
    hint: 'Use avroContainer for .avro files, or lengthPrefixedAvro.',
  });
}

class AvroMessageDecoder<T> implements RecordDecoder<T> {
  readonly #decode: (reader: ByteReader) => T;
  readonly #reader = new MessageReader();

  constructor(decode: (reader: ByteReader) => T) {
    this.#decode = decode;
  }

  decode(bytes: Buffer, start: number, end: number, _isEnd: boolean, output: DecodeOutput<T>): number {
    decodeWhole(this.#decode, this.#reader.at(bytes, start, end), start, output);
    return end;
  }
}

/** Decodes the record that fills the reader, or rejects `bytes[start, reader.end)`. */
export function decodeWhole<T>(
  decode: (reader: ByteReader) => T,
  reader: ByteReader,
  start: number,
  output: DecodeOutput<T>,
): void {
  let value: T;
  try {
    value = decode(reader);
    if (reader.remaining !== 0)
      throw new RecordError(`expected the record to end at ${reader.offset}, found ${reader.remaining} more bytes`);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    output.reject(avroError(error), start, reader.end);
    return;
  }
  output.record(value, reader.end);
}

export function avroError(error: RecordError): DecodeError {
  return error instanceof DecodeError
    ? error
    : new DecodeError(`avro: ${error.message}`, { reason: 'PARSE', cause: error });
}
