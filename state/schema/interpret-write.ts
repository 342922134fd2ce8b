import type { ByteWriter } from '../../engine/base/bytes.ts';
import { decimalToBytes, decimalToFixed, writeBytes, writeLong, writeString } from './avro-binary.ts';
import { describeMismatch, fitsLeaf } from './mismatch.ts';
import type { RecordShape, Shape } from './shape.ts';

/** A value does not fit; what and where is found out by `describeMismatch`. Caught in this folder only. */
export class Unwritable extends Error {}

/**
 * Writes one value by its shape, step by step: the twin of the generated encoder.
 *
 * @throws Unwritable when the value does not fit; the writer may then hold a part of it.
 */
export function interpretWrite(writer: ByteWriter, shape: Shape, value: unknown): void {
  switch (shape.kind) {
    case 'array': {
      if (!Array.isArray(value)) throw new Unwritable();
      if (value.length > 0) writeLong(writer, value.length);
      for (const item of value) interpretWrite(writer, shape.items, item);
      writeLong(writer, 0);
      return;
    }
    case 'map': {
      const entries = entriesOf(value);
      if (entries.length > 0) writeLong(writer, entries.length);
      for (const [key, item] of entries) {
        writeString(writer, key);
        interpretWrite(writer, shape.values, item);
      }
      writeLong(writer, 0);
      return;
    }
    case 'optional': {
      const isAbsent = value === undefined || value === null;
      if (shape.value.kind === 'union') {
        if (isAbsent) writeLong(writer, 0);
        else writeUnion(writer, shape.value, value, 1);
        return;
      }
      writeLong(writer, isAbsent ? shape.nullBranch : 1 - shape.nullBranch);
      if (!isAbsent) interpretWrite(writer, shape.value, value);
      return;
    }
    case 'record':
      writeRecord(writer, shape, value);
      return;
    case 'union':
      writeUnion(writer, shape, value, 0);
      return;
    case 'variant': {
      const index = shape.branches.findIndex((branch) => describeMismatch(branch, value) === undefined);
      if (index < 0) throw new Unwritable();
      writeLong(writer, index);
      interpretWrite(writer, shape.branches[index]!, value);
      return;
    }
    case 'custom':
      shape.schema.encode(writer, value);
      return;
    default:
      if (!fitsLeaf(shape, value)) throw new Unwritable();
      writeLeaf(writer, shape, value as never);
  }
}

function writeRecord(writer: ByteWriter, shape: RecordShape, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new Unwritable();
  for (const field of shape.fields) interpretWrite(writer, field.shape, (value as Record<string, unknown>)[field.name]);
}

function writeUnion(writer: ByteWriter, shape: Shape & { kind: 'union' }, value: unknown, firstBranch: number): void {
  if (typeof value !== 'object' || value === null) throw new Unwritable();
  const label = (value as Record<string, unknown>)[shape.tag];
  const index = shape.branches.findIndex((branch) => branch.label === label);
  if (index < 0) throw new Unwritable();
  writeLong(writer, firstBranch + index);
  writeRecord(writer, shape.branches[index]!.record, value);
}

/** The value has been checked. */
function writeLeaf(writer: ByteWriter, shape: Shape, value: never): void {
  switch (shape.kind) {
    case 'boolean':
      writer.u8(value ? 1 : 0);
      return;
    case 'int':
    case 'long':
    case 'timestamp':
      writeLong(writer, value);
      return;
    case 'float': {
      const at = writer.reserve(4);
      writer.view.setFloat32(at, value, true);
      return;
    }
    case 'double':
      writer.f64(value);
      return;
    case 'string':
      writeString(writer, value);
      return;
    case 'bytes':
      writeBytes(writer, value);
      return;
    case 'fixed':
      writer.bytes(value);
      return;
    case 'decimal':
      if (shape.fixed === undefined) writeBytes(writer, decimalToBytes(value));
      else writer.bytes(decimalToFixed(value, shape.fixed.size));
      return;
    case 'enumeration':
      writeLong(writer, shape.symbols.indexOf(value));
      return;
    default: // null takes no bytes
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw new Unwritable();
  return Object.entries(value);
}
