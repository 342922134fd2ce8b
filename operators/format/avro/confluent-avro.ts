/*
 * Confluent wire format of a message:
 *   0  u8   magic     0
 *   1  u32  schemaId  big-endian
 *   5  Avro binary
 */
import type { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { RecordError, UserError } from '../../../engine/base/errors.ts';
import { createResolver } from '../../../state/schema/resolver.ts';
import type { AvroSchema, Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape } from '../../../state/schema/shape.ts';
import { DecodeError } from '../decode-error.ts';
import type { DecodeFormat, DecodeOutput, Framing, RecordDecoder } from '../decode-format.ts';
import type { EncodeFormat } from '../encode-format.ts';
import { decodeWhole, refuseStream } from './avro-binary.ts';
import { MessageReader } from '../message-reader.ts';
import type { SchemaRegistry } from './schema-registry.ts';

const MAGIC = 0;
const HEADER_BYTES = 5;
/** Registries number their schemas with positive 32-bit integers; another id is a broken header and is not asked for. */
const SCHEMA_ID_MAX = 0x7fff_ffff;
/** An id that the registry did not know is asked for again after 1, 2, 4, … further messages with it, at most this many. */
const ASK_AGAIN_AFTER_MAX = 1024;

/**
 * Avro messages that name their schema by its id in a registry. Each id is looked up once, in `prepare`, and its messages are
 * then read by Avro's resolution rules, skipping what the reader's schema does not have. A message without such an id, whose
 * schema the registry does not know, or whose schema does not resolve, is rejected, not an error of the job: SCHEMA or
 * SCHEMA_UNKNOWN. Of a message whose datum is torn the reason is PARSE.
 */
export function confluentAvro<T>(schema: Schema<T>, registry: SchemaRegistry): DecodeFormat<T> {
  const description = `confluent avro ${describeShape(shapeOf(schema))}`;
  return {
    description,
    createDecoder: (framing: Framing): RecordDecoder<T> => {
      refuseStream(framing, description);
      return new ConfluentDecoder<T>(schema, registry);
    },
  };
}

/** @param schemaId as `registry.register` has returned it. */
export function confluentAvroEncoder<T>(schema: Schema<T>, schemaId: number): EncodeFormat<T> {
  return {
    description: `confluent avro ${describeShape(shapeOf(schema))}`,
    encode(writer: ByteWriter, value: T): void {
      const at = writer.reserve(HEADER_BYTES);
      writer.buffer[at] = MAGIC;
      writer.view.setUint32(at + 1, schemaId);
      try {
        schema.encode(writer, value);
      } catch (error) {
        writer.length = at;
        throw error;
      }
    },
    separator: '',
  };
}

/** What is known of a schema id. */
type KnownSchema<T> =
  | { readonly kind: 'resolved'; readonly decode: (reader: ByteReader) => T }
  | { readonly kind: 'refused'; readonly error: DecodeError }
  | { readonly kind: 'unknown'; readonly error: DecodeError; askAgainAfter: number; messagesLeft: number };

class ConfluentDecoder<T> implements RecordDecoder<T> {
  readonly #schema: Schema<T>;
  readonly #registry: SchemaRegistry;
  readonly #knownById = new Map<number, KnownSchema<T>>();
  readonly #askedById = new Map<number, Promise<void>>();
  readonly #reader = new MessageReader();
  // Nearly all messages have the id of the one before.
  #lastId = -1;
  #lastKnown: KnownSchema<T> | undefined;

  constructor(schema: Schema<T>, registry: SchemaRegistry) {
    this.#schema = schema;
    this.#registry = registry;
  }

  prepare(bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    if (end - start < HEADER_BYTES || bytes[start] !== MAGIC) return undefined;
    const id = schemaIdAt(bytes, start);
    if (id === 0 || id > SCHEMA_ID_MAX) return undefined;
    if (id === this.#lastId && this.#lastKnown?.kind === 'resolved') return undefined;
    const known = this.#knownById.get(id);
    if (known !== undefined && (known.kind !== 'unknown' || --known.messagesLeft > 0)) return undefined;
    let asked = this.#askedById.get(id);
    if (asked === undefined) {
      asked = this.#ask(id).finally(() => this.#askedById.delete(id));
      this.#askedById.set(id, asked);
    }
    return asked;
  }

  decode(bytes: Buffer, start: number, end: number, _isEnd: boolean, output: DecodeOutput<T>): number {
    if (end - start < HEADER_BYTES || bytes[start] !== MAGIC) {
      const found = end === start ? 'an empty message' : `the byte ${bytes[start]} in ${end - start} bytes`;
      const expected = 'the byte 0 and a schema id';
      output.reject(
        new DecodeError(`confluent avro: expected ${expected}, found ${found}`, { reason: 'SCHEMA', expected, found }),
        start,
        end,
      );
      return end;
    }
    const id = schemaIdAt(bytes, start);
    const known = id === this.#lastId ? this.#lastKnown : this.#knownById.get(id);
    if (known?.kind === 'resolved') {
      this.#lastId = id;
      this.#lastKnown = known;
      decodeWhole(known.decode, this.#reader.at(bytes, start + HEADER_BYTES, end), start, output);
      return end;
    }
    output.reject(known?.error ?? this.#unknown(id, 'no registry has such an id'), start, end);
    return end;
  }

  async #ask(id: number): Promise<void> {
    let writer: AvroSchema | undefined;
    try {
      writer = await this.#registry.getById(id);
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'SCHEMA') throw error;
      this.#knownById.set(id, refused(error));
      return;
    }
    if (writer === undefined) {
      const before = this.#knownById.get(id);
      const askAgainAfter = before?.kind === 'unknown' ? Math.min(before.askAgainAfter * 2, ASK_AGAIN_AFTER_MAX) : 1;
      const error = this.#unknown(id, `${this.#registry.description} does not have it`);
      this.#knownById.set(id, { kind: 'unknown', error, askAgainAfter, messagesLeft: askAgainAfter });
      return;
    }
    this.#knownById.set(id, this.#resolved(id, writer));
  }

  #resolved(id: number, writer: AvroSchema): KnownSchema<T> {
    try {
      return { kind: 'resolved', decode: createResolver(writer, this.#schema, { subject: `schema ${id}` }) };
    } catch (cause) {
      if (!(cause instanceof UserError) && !(cause instanceof RecordError)) throw cause;
      return refused(cause);
    }
  }

  #unknown(id: number, why: string): DecodeError {
    return new DecodeError(`confluent avro: unknown schema ${id}: ${why}`, {
      reason: 'SCHEMA_UNKNOWN',
      expected: 'a known schema id',
      found: String(id),
    });
  }
}

function refused(cause: UserError | RecordError): Extract<KnownSchema<never>, { readonly kind: 'refused' }> {
  return { kind: 'refused', error: new DecodeError(cause.message, { reason: 'SCHEMA', cause }) };
}

function schemaIdAt(bytes: Buffer, start: number): number {
  return ((bytes[start + 1]! << 24) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 8) | bytes[start + 4]!) >>> 0;
}
