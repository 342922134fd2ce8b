import type { ByteReader } from '../../../engine/base/bytes.ts';
import { Code } from '../../../state/schema/code.ts';
import {
  describeShape,
  shortName,
  type FieldShape,
  type RecordShape,
  type Shape,
} from '../../../state/schema/shape.ts';
import { cutString } from '../../../state/schema/text.ts';
import { fieldError } from '../decode-error.ts';
import type { JsonRules } from '../json/from-json.ts';
import { integerOfBytes, isoTimeOfBytes } from '../number-bytes.ts';
import { timestampOfNumber } from '../timestamp-text.ts';
import { fromText } from './from-text.ts';
import { ESCAPED, PLAIN, type RowScanner } from './row-scanner.ts';

/** Makes a record of the row that the scanner has found. Throws DecodeError. */
export type RowConverter<T> = (row: RowScanner, reader: ByteReader) => T;

/**
 * The converter of rows to records of a shape.
 *
 * @param columnByField index of the field's column; undefined when the file has none: the field takes its default or is absent.
 */
export function createFromRow<T>(
  shape: RecordShape,
  columnByField: readonly (number | undefined)[],
  rules: JsonRules,
): RowConverter<T> {
  const twin: RowConverter<T> = (row, reader) => rowToRecord(shape, columnByField, rules, row, reader) as T;
  return generate<T>(shape, columnByField, twin) ?? twin;
}

/** The same step by step: where code generation is forbidden, and to say what is wrong. @throws DecodeError. */
export function rowToRecord(
  shape: RecordShape,
  columnByField: readonly (number | undefined)[],
  rules: JsonRules,
  row: RowScanner,
  reader: ByteReader,
): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  shape.fields.forEach((field, i) => {
    const column = columnByField[i];
    record[field.name] =
      column === undefined ? absent(field, '') : fieldToValue(shape, field, column, rules, row, reader);
  });
  return record;
}

function fieldToValue(
  shape: RecordShape,
  field: FieldShape,
  column: number,
  rules: JsonRules,
  row: RowScanner,
  reader: ByteReader,
): unknown {
  const text = textOfField(row, reader, column);
  const path = `${shortName(shape.name)}.${field.name}`;
  if (text === '' && row.styles[column] === PLAIN && !isText(field)) return absent(field, path);
  return fromText(field.shape, text, rules, path);
}

/** A field for which an empty text is a value. */
function isText(field: FieldShape): boolean {
  return field.shape.kind === 'string' && field.default === undefined;
}

/** @throws DecodeError REQUIRED_MISSING. */
function absent(field: FieldShape, path: string): unknown {
  if (field.default !== undefined) return structuredClone(field.default.value);
  if (field.shape.kind === 'optional') return undefined;
  if (field.shape.kind === 'null') return null;
  throw fieldError('REQUIRED_MISSING', path, describeShape(field.shape), undefined);
}

/** The text of a field of the row, without quotes. */
export function textOfField(row: RowScanner, reader: ByteReader, column: number): string {
  const start = row.starts[column]!;
  const length = row.ends[column]! - start;
  if (length === 0) return '';
  const text = cutString(reader, start, length);
  return row.styles[column] === ESCAPED ? text.replaceAll('""', '"') : text;
}

const GIVE_UP = 'return twin(row, reader);';

function generate<T>(
  shape: RecordShape,
  columnByField: readonly (number | undefined)[],
  twin: RowConverter<T>,
): RowConverter<T> | undefined {
  const code = new Code();
  code.line('const B = reader.buffer, S = row.starts, E = row.ends, Q = row.styles;');
  const properties = shape.fields.map((field, i) => {
    const column = columnByField[i];
    if (column === undefined) return `${JSON.stringify(field.name)}: ${absentCode(code, field)}`;
    return `${JSON.stringify(field.name)}: ${fieldCode(code, field, column)}`;
  });
  code.line(`return {${properties.join(', ')}};`);
  return code.compile('convert', 'row, reader', {
    twin,
    cutString,
    textOfField,
    integerOfBytes,
    isoTimeOfBytes,
    timestampOfNumber,
  });
}

function absentCode(code: Code, field: FieldShape): string {
  if (field.default !== undefined) return `structuredClone(${code.constant(field.default)}.value)`;
  return field.shape.kind === 'null' ? 'null' : 'undefined';
}

function fieldCode(code: Code, field: FieldShape, column: number): string {
  const shape = field.shape.kind === 'optional' ? field.shape.value : field.shape;
  const value = code.name('v');
  const start = `S[${column}]`;
  const end = `E[${column}]`;
  const text = `(Q[${column}] === ${ESCAPED} ? textOfField(row, reader, ${column}) : cutString(reader, ${start}, ${end} - ${start}))`;
  code.line(`let ${value}; if (${start} === ${end}) {`);
  const canBeAbsent = field.default !== undefined || field.shape.kind === 'optional';
  if (isText(field)) code.line(`${value} = '';`);
  else if (canBeAbsent)
    code.line(
      `if (Q[${column}] === ${PLAIN}) ${value} = ${absentCode(code, field)}; else ${shape.kind === 'string' ? `${value} = '';` : GIVE_UP}`,
    );
  else code.line(GIVE_UP);
  code.line('} else {');
  code.line(presentCode(code, shape, value, start, end, text));
  code.line('}');
  return value;
}

/** Statements that set `value` from a field that is not empty; what is unusual gives up. */
function presentCode(code: Code, shape: Shape, value: string, start: string, end: string, text: string): string {
  switch (shape.kind) {
    case 'string':
      return `${value} = ${text};`;
    case 'int':
    case 'long': {
      const range = shape.kind === 'int' ? `(${value} | 0) !== ${value}` : `${value} !== ${value}`;
      return `${value} = integerOfBytes(B, ${start}, ${end}); if (${range}) ${GIVE_UP}`;
    }
    case 'timestamp':
      return `${value} = timestampOfNumber(integerOfBytes(B, ${start}, ${end})); if (${value} !== ${value}) { ${value} = isoTimeOfBytes(B, ${start}, ${end}); if (${value} !== ${value}) ${GIVE_UP} }`;
    case 'enumeration':
      return `${value} = ${text}; if (!${code.constant(new Set(shape.symbols))}.has(${value})) ${GIVE_UP}`;
    case 'double': {
      const number = `${value} = integerOfBytes(B, ${start}, ${end});`;
      return `${number} if (${value} !== ${value} || ${value} === 0) { ${value} = ${text}; if (!/^-?\\d{1,15}(\\.\\d{1,15})?$/.test(${value})) ${GIVE_UP} ${value} = +${value}; }`;
    }
    default:
      return GIVE_UP;
  }
}
