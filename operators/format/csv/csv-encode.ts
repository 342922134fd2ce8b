import type { ByteWriter } from '../../../engine/base/bytes.ts';
import { RecordError, UserError } from '../../../engine/base/errors.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape, type Shape } from '../../../state/schema/shape.ts';
import type { EncodeFormat } from '../encode-format.ts';
import { jsonName, PLAIN_JSON } from '../json/from-json.ts';
import { toJson } from '../../../state/schema/to-json.ts';
import { delimiterCode } from './csv.ts';

export interface CsvEncodeOptions {
  /** Whether a file starts with the names of the columns. Default true. */
  readonly header?: boolean | undefined;
  /** Column by field name, where they differ. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  /** One ASCII character. Default a comma. */
  readonly delimiter?: string | undefined;
  /** How `timestampMs` is written. Default `epochMs`. */
  readonly timestamps?: 'epochMs' | 'iso' | undefined;
}

/** One row per record, fields in the order of the schema: what `csv` reads. */
export function csvEncoder<T>(schema: Schema<T>, options: CsvEncodeOptions = {}): EncodeFormat<T> {
  const shape = shapeOf(schema);
  if (shape.kind !== 'record')
    throw new UserError('SCHEMA', `csv: expected a record schema, found ${describeShape(shape)}`);
  const delimiter = options.delimiter ?? ',';
  delimiterCode(delimiter);
  const isIso = options.timestamps === 'iso';
  const special = new RegExp(`[${delimiter.replace(/[\\\]^-]/, '\\$&')}"\r\n]`);
  const rules = { ...PLAIN_JSON, names: options.names ?? {} };
  const quoted = (text: string): string => (special.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const head = `${csvHeader(schema, rules.names).map(quoted).join(delimiter)}\n`;
  return {
    description: `csv ${describeShape(shape)}`,
    ...(options.header !== false && { writeHead: (writer: ByteWriter) => writeText(writer, head) }),
    encode(writer: ByteWriter, value: T): void {
      const problem = schema.validate(value);
      if (problem !== undefined) throw new RecordError(problem);
      let row = '';
      for (let i = 0; i < shape.fields.length; i++) {
        const field = shape.fields[i]!;
        if (i > 0) row += delimiter;
        const text = fieldText(field.shape, (value as Record<string, unknown>)[field.name], isIso);
        if (text !== undefined) row += text === '' ? '""' : quoted(text);
      }
      writeText(writer, row);
    },
    separator: '\n',
  };
}

/** The names of the columns of a record schema. */
export function csvHeader(schema: Schema<unknown>, names: Readonly<Record<string, string>> = {}): string[] {
  const shape = shapeOf(schema);
  if (shape.kind !== 'record')
    throw new UserError('SCHEMA', `csv: expected a record schema, found ${describeShape(shape)}`);
  return shape.fields.map((field) => jsonName({ ...PLAIN_JSON, names }, field.name));
}

/** Undefined for an absent value. */
function fieldText(shape: Shape, value: unknown, isIso: boolean): string | undefined {
  if (value === undefined || value === null) return undefined;
  const json = toJson(shape, value, isIso, {});
  return typeof json === 'object' ? JSON.stringify(json) : String(json);
}

function writeText(writer: ByteWriter, text: string): void {
  writer.ensure(text.length * 3);
  writer.length += writer.buffer.write(text, writer.length, 'utf8');
}
