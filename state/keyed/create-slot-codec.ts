import { ByteWriter, type ByteReader } from '../../engine/base/bytes.ts';
import { createResolver } from '../schema/resolver.ts';
import type { AvroSchema, Schema } from '../schema/schema.ts';
import type { LargeFactory } from './large-factory.ts';
import { ListCodec, MapCodec, SlotCodec, ValueCodec, type ContentCodec } from './slot-codec.ts';
import { fitKeyedState, incompatibleState, shownSchema } from './state-fit.ts';
import { formatOf, type StateFormat } from './state-format.ts';
import type { StateDescriptor } from './state.ts';

/**
 * The codec of a declared state for slots in `format`: its own format, or that of an older job.
 *
 * @throws UserError STATE_INCOMPATIBLE when slots of that format cannot be read as the declared state.
 */
export function createSlotCodec(
  descriptor: StateDescriptor,
  format: StateFormat,
  context: { readonly operatorUid: string; readonly large: LargeFactory },
): SlotCodec {
  const subject = `state ${descriptor.name} of operator ${context.operatorUid}`;
  const fit = fitKeyedState(format, descriptor);
  if (fit.kind === 'incompatible') {
    throw incompatibleState(subject, fit, { stored: shownSchema(format), declared: shownSchema(formatOf(descriptor)) });
  }
  const isNamespaced = descriptor.isNamespaced === true;
  const options = {
    schema: descriptor.schema as Schema<unknown>,
    decode: decoderOf(format.schema, descriptor.schema, subject),
    writerHasTtl: format.hasTtl,
    readerHasTtl: descriptor.ttl !== undefined,
    keepsTimes: (format.ttlTimeDomain ?? descriptor.ttl?.timeDomain) === descriptor.ttl?.timeDomain,
    large: context.large,
  };
  let content: ContentCodec;
  switch (descriptor.kind) {
    case 'list':
      content = new ListCodec(options);
      break;
    case 'map':
      content = new MapCodec({
        ...options,
        keySchema: descriptor.keySchema,
        decodeKey: decoderOf(format.keySchema ?? descriptor.keySchema.avro, descriptor.keySchema, `key of ${subject}`),
        keyText: keyTextOf(descriptor.keySchema),
      });
      break;
    case 'value':
    case 'reducing':
    case 'aggregating':
      content = new ValueCodec(options);
      break;
  }
  return new SlotCodec(content, isNamespaced, descriptor.ttl);
}

/** The decoder of values written with `writer`, which may be the schema itself. @throws UserError STATE_INCOMPATIBLE. */
export function decoderOf<T>(writer: AvroSchema, schema: Schema<T>, subject: string): (reader: ByteReader) => T {
  if (JSON.stringify(writer) === JSON.stringify(schema.avro)) return (reader) => schema.decode(reader);
  return createResolver(writer, schema, { code: 'STATE_INCOMPATIBLE', subject });
}

/** Undefined when keys of this schema are primitives, which can be a `Map`'s keys as they are. */
export function keyTextOf(schema: Schema<unknown>): ((key: unknown) => string) | undefined {
  if (isPrimitive(schema.avro)) return undefined;
  const writer = new ByteWriter(64);
  return (key) => {
    writer.clear();
    schema.encode(writer, key);
    return writer.buffer.toString('latin1', 0, writer.length);
  };
}

const PRIMITIVES = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'string', 'enum']);

function isPrimitive(avro: AvroSchema): boolean {
  if (typeof avro === 'string') return PRIMITIVES.has(avro);
  if (Array.isArray(avro)) return (avro as readonly AvroSchema[]).every(isPrimitive);
  const { type, logicalType } = avro as { readonly type: unknown; readonly logicalType?: unknown };
  if (logicalType === 'decimal') return true;
  return typeof type === 'string' && PRIMITIVES.has(type);
}
