import type { ByteReader } from '../../engine/base/bytes.ts';
import { RecordError } from '../../engine/base/errors.ts';
import {
  bytesToDecimal,
  readBoolean,
  readBytes,
  readDouble,
  readFloat,
  readLength,
  readLong,
  readString,
} from './avro-binary.ts';
import type { ReadPlan, RecordPlan, ScalarPlan } from './read-plan.ts';
import { skipValue } from './skip-value.ts';

/**
 * Entries that a block may have whatever its size: items of no bytes are possible. A larger count must fit the bytes, or
 * corrupt ones would fill the memory.
 */
export const BLOCK_COUNT_FREE = 65_536;

/**
 * Reads one value by a plan, step by step. The twin of the generated decoder: where code generation is forbidden, and to
 * say what is wrong when the generated one has found bad bytes.
 *
 * @throws RecordError naming the field and the offset.
 */
export function interpretRead(reader: ByteReader, plan: ReadPlan): unknown {
  switch (plan.op) {
    case 'scalar':
      return readScalar(reader, plan);
    case 'fixed':
      return readBytes(reader, plan.size);
    case 'decimal':
      return bytesToDecimal(readBytes(reader, plan.size ?? readLength(reader)));
    case 'enumeration': {
      const index = readLong(reader);
      const symbol = plan.symbols[index];
      if (symbol === undefined)
        throw new RecordError(`expected one of ${plan.symbols.length} symbols, found number ${index}`);
      return symbol;
    }
    case 'array': {
      const items: unknown[] = [];
      for (let count = readBlockCount(reader); count > 0; count = readBlockCount(reader)) {
        for (let i = 0; i < count; i++) items.push(interpretRead(reader, plan.items));
      }
      return items;
    }
    case 'map': {
      const values: Record<string, unknown> = {};
      for (let count = readBlockCount(reader); count > 0; count = readBlockCount(reader)) {
        for (let i = 0; i < count; i++) setEntry(values, readString(reader), interpretRead(reader, plan.values));
      }
      return values;
    }
    case 'branch': {
      const index = readLong(reader);
      const branch = plan.branches[index];
      if (branch === undefined)
        throw new RecordError(`expected one of ${plan.branches.length} union branches, found number ${index}`);
      return interpretRead(reader, branch);
    }
    case 'record':
      return readRecord(reader, plan);
    case 'custom':
      return plan.schema.decode(reader);
    case 'null':
      return plan.value;
    case 'refuse':
      throw new RecordError(plan.reason);
  }
}

function readRecord(reader: ByteReader, plan: RecordPlan): unknown {
  const read = new Map<string, unknown>();
  for (const step of plan.steps) {
    if (step.target === undefined) {
      skipValue(reader, step.skip);
      continue;
    }
    try {
      read.set(step.target, interpretRead(reader, step.plan));
    } catch (error) {
      throw error instanceof RecordError ? new RecordError(`${plan.name}.${step.target}: ${error.message}`) : error;
    }
  }
  const record: Record<string, unknown> = {};
  for (const property of plan.properties) {
    if (property.source === 'step') record[property.name] = read.get(property.name);
    else record[property.name] = property.source === 'constant' ? property.value : property.make();
  }
  return record;
}

function readScalar(reader: ByteReader, plan: ScalarPlan): unknown {
  switch (plan.wire) {
    case 'boolean':
      return readBoolean(reader);
    case 'int':
    case 'long':
    case 'timestamp': {
      const value = readLong(reader);
      if (plan.wire === 'int' && (value | 0) !== value) throw new RecordError(`expected an int, found ${value}`);
      if (plan.convert === 'microsToMillis') return Math.floor(value / 1000);
      return plan.convert === 'toFloat' ? Math.fround(value) : value;
    }
    case 'float':
      return readFloat(reader);
    case 'double':
      return readDouble(reader);
    case 'string':
      return plan.convert === 'stringToBytes' ? readBytes(reader, readLength(reader)) : readString(reader);
    case 'bytes':
      return plan.convert === 'bytesToString' ? readString(reader) : readBytes(reader, readLength(reader));
  }
}

/** Entries of a block of an array or map; 0 ends it. A negative count is followed by the block's size in bytes. */
export function readBlockCount(reader: ByteReader): number {
  let count = readLong(reader);
  if (count < 0) {
    readLength(reader);
    count = -count;
  }
  if (count > BLOCK_COUNT_FREE && count > reader.remaining) {
    throw new RecordError(`offset ${reader.offset}: a block of ${count} entries in ${reader.remaining} bytes`);
  }
  return count;
}

/** Sets an own property, whatever its name. */
export function setEntry(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}
