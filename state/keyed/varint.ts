import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { CheckpointCorruptError } from '../../engine/base/errors.ts';
import type { Namespace } from './key.ts';

/** Appends an integer in [0, 2^31) in 7-bit groups, low first. */
export function writeVarint(writer: ByteWriter, value: number): void {
  writer.ensure(5);
  const buffer = writer.buffer;
  let at = writer.length;
  let rest = value;
  while (rest > 127) {
    buffer[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  writer.length = at;
}

/** Reads what `writeVarint` wrote. */
export function readVarint(reader: ByteReader): number {
  const buffer = reader.buffer;
  let at = reader.offset;
  let byte = buffer[at++]!;
  let value = byte & 127;
  let shift = 7;
  while (byte > 127) {
    byte = buffer[at++]!;
    value |= (byte & 127) << shift;
    shift += 7;
    if (shift > 35) throw new CheckpointCorruptError(`expected a length of at most 5 bytes at offset ${reader.offset}`);
  }
  reader.offset = at;
  return value;
}

/*
 * Namespace, version 1. A tag, then
 *   0  the number 0 (no namespace)
 *   1  other number: f64
 *   2  string: UTF-8 with its u32 byte length
 */
const NAMESPACE_ZERO = 0;
const NAMESPACE_NUMBER = 1;
const NAMESPACE_STRING = 2;

export function writeNamespace(writer: ByteWriter, namespace: Namespace): void {
  if (typeof namespace === 'string') {
    writer.u8(NAMESPACE_STRING);
    writer.string(namespace);
  } else if (namespace === 0) {
    writer.u8(NAMESPACE_ZERO);
  } else {
    writer.u8(NAMESPACE_NUMBER);
    writer.f64(namespace);
  }
}

export function readNamespace(reader: ByteReader): Namespace {
  switch (reader.u8()) {
    case NAMESPACE_ZERO:
      return 0;
    case NAMESPACE_NUMBER:
      return reader.f64();
    case NAMESPACE_STRING:
      return reader.string();
    default:
      throw new CheckpointCorruptError(`expected a namespace tag in [0, 2] at offset ${reader.offset - 1}`);
  }
}
