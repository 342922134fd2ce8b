import type { ByteWriter } from '../../../engine/base/bytes.ts';
import { ExternalError } from '../../../engine/base/errors.ts';
import { formatDecimal } from '../../../state/schema/decimal.ts';
import type { Shape } from '../../../state/schema/shape.ts';
import type { TableColumn } from './warehouse-table.ts';
import { nestedToJson } from '../nested-json.ts';
import { toWarehouseText } from './warehouse-text.ts';

/*
 * PostgreSQL's binary COPY. Big-endian.
 *   'PGCOPY\n', 0xff, '\r\n\0', u32 flags 0, u32 extension length 0
 *   per row: i16 number of fields; per field: i32 byte length (-1: null), value
 *   i16 -1 at the end
 */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const TRAILER = Buffer.from([0xff, 0xff]);

/** 2000-01-01, where PostgreSQL's time begins. */
const POSTGRES_EPOCH_MS = 946_684_800_000;
/** 4713 BC and the end of 294276, where it ends. */
const TIMESTAMP_MIN_MS = -210_866_803_200_000;
const TIMESTAMP_END_MS = 9_224_318_016_000_000;
const TWO_32 = 0x1_0000_0000;
/** Up to this length text is copied char by char. */
const SHORT_TEXT_CHARS = 48;

export type FieldEncoder = (writer: ByteWriter, value: unknown) => void;

export function writeCopyHeader(writer: ByteWriter): void {
  writer.bytes(SIGNATURE);
}

export function writeCopyTrailer(writer: ByteWriter): void {
  writer.bytes(TRAILER);
}

/** Begins a row of `fieldCount` fields. */
export function beginRow(writer: ByteWriter, fieldCount: number): void {
  const at = writer.reserve(2);
  writer.view.setInt16(at, fieldCount);
}

/** An encoder per column; undefined and null are null. */
export function fieldEncoders(columns: readonly TableColumn[]): FieldEncoder[] {
  return columns.map((column) => {
    const encode = valueEncoder(column);
    return (writer, value) => {
      if (value !== undefined && value !== null) {
        encode(writer, value);
        return;
      }
      const at = writer.reserve(4);
      writer.view.setInt32(at, -1);
    };
  });
}

export function writeBigint(writer: ByteWriter, value: number): void {
  const at = writer.reserve(12);
  writer.view.setInt32(at, 8);
  writer.view.setInt32(at + 4, Math.floor(value / TWO_32));
  writer.view.setInt32(at + 8, value | 0);
}

export function writeBoolean(writer: ByteWriter, value: boolean): void {
  const at = writer.reserve(5);
  writer.view.setInt32(at, 1);
  writer.buffer[at + 4] = value ? 1 : 0;
}

function valueEncoder({ name, shape }: TableColumn): FieldEncoder {
  switch (shape.kind) {
    case 'boolean':
      return (writer, value) => writeBoolean(writer, value as boolean);
    case 'int':
      return (writer, value) => {
        const at = writer.reserve(8);
        writer.view.setInt32(at, 4);
        writer.view.setInt32(at + 4, value as number);
      };
    case 'long':
      return (writer, value) => writeBigint(writer, value as number);
    case 'float':
      return (writer, value) => {
        const at = writer.reserve(8);
        writer.view.setInt32(at, 4);
        writer.view.setFloat32(at + 4, value as number);
      };
    case 'double':
      return (writer, value) => {
        const at = writer.reserve(12);
        writer.view.setInt32(at, 8);
        writer.view.setFloat64(at + 4, value as number);
      };
    case 'timestamp':
      return (writer, value) => writeTimestamp(writer, value as number, name);
    case 'string':
    case 'enumeration':
      return (writer, value) => writeText(writer, value as string);
    case 'bytes':
    case 'fixed':
      return (writer, value) => {
        const bytes = value as Uint8Array;
        const at = writer.reserve(4 + bytes.length);
        writer.view.setInt32(at, bytes.length);
        writer.buffer.set(bytes, at + 4);
      };
    case 'decimal': {
      const { scale } = shape;
      return (writer, value) => writeNumeric(writer, value as bigint, scale);
    }
    default:
      return jsonEncoder(shape);
  }
}

/** `jsonb`: a version byte, then text. */
function jsonEncoder(shape: Shape): FieldEncoder {
  return (writer, value) => {
    const text = JSON.stringify(nestedToJson(shape, value, toWarehouseText));
    writer.ensure(5 + text.length * 3);
    const at = writer.length;
    const byteCount = writer.buffer.write(text, at + 5, 'utf8');
    writer.view.setInt32(at, byteCount + 1);
    writer.buffer[at + 4] = 1;
    writer.length = at + 5 + byteCount;
  };
}

function writeText(writer: ByteWriter, text: string): void {
  const charCount = text.length;
  if (charCount > SHORT_TEXT_CHARS) {
    writeLongText(writer, text);
    return;
  }
  const at = writer.reserve(4 + charCount);
  const { buffer } = writer;
  // Hot: a call into the platform costs more than a short loop (test/bench/parquet.bench.ts).
  for (let i = 0; i < charCount; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f || code === 0) {
      writer.length = at;
      writeLongText(writer, text);
      return;
    }
    buffer[at + 4 + i] = code;
  }
  writer.view.setInt32(at, charCount);
}

function writeLongText(writer: ByteWriter, text: string): void {
  const clean = toWarehouseText(text);
  writer.ensure(4 + clean.length * 3);
  const at = writer.length;
  const byteCount = writer.buffer.write(clean, at + 4, 'utf8');
  writer.view.setInt32(at, byteCount);
  writer.length = at + 4 + byteCount;
}

function writeTimestamp(writer: ByteWriter, timestampMs: number, column: string): void {
  if (timestampMs < TIMESTAMP_MIN_MS || timestampMs >= TIMESTAMP_END_MS) {
    throw new ExternalError(
      'WAREHOUSE',
      `column ${column}: expected a time between 4713 BC and 294276 AD, found ${timestampMs} ms`,
      {
        retryable: false,
      },
    );
  }
  const micros = (timestampMs - POSTGRES_EPOCH_MS) * 1000;
  if (Number.isSafeInteger(micros)) {
    writeBigint(writer, micros);
    return;
  }
  const at = writer.reserve(12);
  writer.view.setInt32(at, 8);
  writer.view.setBigInt64(at + 4, BigInt(timestampMs - POSTGRES_EPOCH_MS) * 1000n);
}

const NUMERIC_NEGATIVE = 0x4000;

/** `numeric`: digits to the base of 10,000, the first one's weight, sign, decimal places. */
export function writeNumeric(writer: ByteWriter, units: bigint, scale: number): void {
  const [whole, fraction = ''] = formatDecimal(units < 0n ? -units : units, scale).split('.') as [string, string?];
  const wholeGroups = Math.ceil(whole.length / 4);
  const digits = whole.padStart(wholeGroups * 4, '0') + fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0');
  const groups: number[] = [];
  for (let at = 0; at < digits.length; at += 4) groups.push(Number(digits.slice(at, at + 4)));
  let first = 0;
  while (first < groups.length && groups[first] === 0) first++;
  let end = groups.length;
  while (end > first && groups[end - 1] === 0) end--;
  const count = end - first;
  const at = writer.reserve(12 + count * 2);
  const { view } = writer;
  view.setInt32(at, 8 + count * 2);
  view.setInt16(at + 4, count);
  view.setInt16(at + 6, count === 0 ? 0 : wholeGroups - 1 - first);
  view.setInt16(at + 8, units < 0n ? NUMERIC_NEGATIVE : 0);
  view.setInt16(at + 10, scale);
  for (let i = 0; i < count; i++) view.setInt16(at + 12 + i * 2, groups[first + i]!);
}
