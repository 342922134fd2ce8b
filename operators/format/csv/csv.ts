import { ByteReader } from '../../../engine/base/bytes.ts';
import { RecordError, UserError } from '../../../engine/base/errors.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape, type RecordShape } from '../../../state/schema/shape.ts';
import { DecodeError } from '../decode-error.ts';
import type { DecodeFormat, DecodeOutput, Framing, RecordDecoder } from '../decode-format.ts';
import { jsonName, PLAIN_JSON, type JsonRules } from '../json/from-json.ts';
import { byteOrderMarkBytes } from '../lines.ts';
import { zoneOffset } from '../timestamp-text.ts';
import { createFromRow, textOfField, type RowConverter } from './generate-from-row.ts';
import { INCOMPLETE, MALFORMED, RowScanner } from './row-scanner.ts';

export interface CsvOptions {
  /** Whether a file's first line names the columns. Default true, unless `columns` is given. Messages never have one. */
  readonly header?: boolean | undefined;
  /** The columns in their order where there is no header. Default: the fields of the schema. */
  readonly columns?: readonly string[] | undefined;
  /** Column by field name, where they differ: `{ clickId: 'click_id' }`. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  /** One ASCII character. Default a comma. */
  readonly delimiter?: string | undefined;
  /** Zone of times without offset (`UTC`, `+02:00`, `Europe/Berlin`). Default: such a time is an error. */
  readonly defaultZone?: string | undefined;
}

/** A row that is longer is taken for one with a quote that was never closed. */
const ROW_BYTES_MAX = 1 << 20;

/**
 * CSV as in RFC 4180: quoted fields with doubled quotes and line breaks, LF or CR LF. Columns are found by name; those that
 * the schema does not know are ignored; an empty unquoted field is absent (for a required string: the empty string). A row
 * with another number of fields than there are columns is rejected.
 */
export function csv<T>(schema: Schema<T>, options: CsvOptions = {}): DecodeFormat<T> {
  const shape = shapeOf(schema);
  if (shape.kind !== 'record')
    throw new UserError('SCHEMA', `csv: expected a record schema, found ${describeShape(shape)}`);
  const settings: CsvSettings = {
    shape,
    delimiter: delimiterCode(options.delimiter ?? ','),
    rules: {
      names: options.names ?? PLAIN_JSON.names,
      zone: options.defaultZone === undefined ? undefined : zoneOffset(options.defaultZone),
    },
  };
  const columns = options.columns ?? shape.fields.map((field) => jsonName(settings.rules, field.name));
  const hasHeader = options.header ?? options.columns === undefined;
  return {
    description: `csv ${describeShape(shape)}`,
    createDecoder: (framing: Framing): RecordDecoder<T> =>
      framing === 'stream' && hasHeader ? new CsvFileDecoder<T>(settings) : new CsvDecoder<T>(settings, columns),
  };
}

interface CsvSettings {
  readonly shape: RecordShape;
  readonly delimiter: number;
  readonly rules: JsonRules;
}

export function delimiterCode(delimiter: string): number {
  const code = delimiter.charCodeAt(0);
  if (delimiter.length === 1 && code < 0x80 && code !== 0x22 && code !== 0x0a && code !== 0x0d) return code;
  throw new UserError(
    'CONFIGURATION',
    `csv delimiter: expected one ASCII character, found ${JSON.stringify(delimiter)}`,
  );
}

class CsvDecoder<T> implements RecordDecoder<T> {
  protected readonly settings: CsvSettings;
  protected readonly scanner: RowScanner;
  #convert: RowConverter<T> = () => {
    throw new RecordError('csv: the header has not been read');
  };
  #columnCount = 0;
  #reader = new ByteReader(Buffer.alloc(0));

  constructor(settings: CsvSettings, columns: readonly string[] | undefined) {
    this.settings = settings;
    this.scanner = new RowScanner(settings.delimiter);
    if (columns !== undefined) this.useColumns(columns);
  }

  decode(bytes: Buffer, start: number, end: number, isEnd: boolean, output: DecodeOutput<T>): number {
    const reader = this.readerOf(bytes, end);
    const scanner = this.scanner;
    let at = start;
    while (at < end) {
      const next = scanner.scan(reader, at, end, isEnd);
      if (next < 0) {
        if (next === INCOMPLETE && !isEnd && end - at <= ROW_BYTES_MAX) return at;
        at = this.#rejectLine(bytes, at, end, next, output);
        continue;
      }
      if (scanner.count === this.#columnCount) {
        let record: T;
        try {
          record = this.#convert(scanner, reader);
        } catch (error) {
          if (!(error instanceof RecordError)) throw error;
          output.reject(error, at, rowEnd(bytes, next));
          at = next;
          continue;
        }
        output.record(record, next);
      } else if (!isBlankRow(scanner)) {
        const found = `${scanner.count}`;
        const expected = `${this.#columnCount} columns`;
        output.reject(
          new DecodeError(`expected ${expected}, found ${found}`, { reason: 'SCHEMA', expected, found }),
          at,
          rowEnd(bytes, next),
        );
      }
      at = next;
    }
    return end;
  }

  protected useColumns(columns: readonly string[]): void {
    const { shape, rules } = this.settings;
    const columnByField = shape.fields.map((field) => {
      const index = columns.indexOf(jsonName(rules, field.name));
      if (index >= 0) return index;
      if (field.default !== undefined || field.shape.kind === 'optional') return undefined;
      const expected = `a column ${jsonName(rules, field.name)}`;
      throw new DecodeError(`csv: expected ${expected}, found only ${columns.join(', ')}`, {
        reason: 'SCHEMA',
        expected,
        found: columns.join(', '),
      });
    });
    this.#columnCount = columns.length;
    this.#convert = createFromRow<T>(shape, columnByField, rules);
  }

  protected readerOf(bytes: Buffer, end: number): ByteReader {
    if (this.#reader.buffer !== bytes) this.#reader = new ByteReader(bytes);
    this.#reader.end = end;
    this.#reader.textEnd = 0; // the same buffer may have been filled again
    return this.#reader;
  }

  /** Gives up a row that has no end or text behind a quote: up to the end of its first line. */
  #rejectLine(bytes: Buffer, start: number, end: number, reason: number, output: DecodeOutput<T>): number {
    const newline = bytes.indexOf(0x0a, start);
    const next = newline < 0 || newline >= end ? end : newline + 1;
    const expected = reason === MALFORMED ? 'a delimiter behind the closing quote' : 'a closing quote';
    output.reject(
      new DecodeError(`csv: expected ${expected}`, { reason: 'PARSE', expected }),
      start,
      rowEnd(bytes, next),
    );
    return next;
  }
}

class CsvFileDecoder<T> extends CsvDecoder<T> {
  constructor(settings: CsvSettings) {
    super(settings, undefined);
  }

  readHead(bytes: Buffer, end: number, isEnd: boolean): number | undefined {
    const start = byteOrderMarkBytes(bytes, 0, end);
    if (isEnd && start === end) return end; // an empty file has no rows either
    const reader = this.readerOf(bytes, end);
    const next = this.scanner.scan(reader, start, end, isEnd);
    if (next === INCOMPLETE && !isEnd && end <= ROW_BYTES_MAX) return undefined;
    if (next < 0) throw new DecodeError('csv: expected a header line', { reason: 'PARSE', expected: 'a header line' });
    const columns: string[] = [];
    for (let i = 0; i < this.scanner.count; i++) columns.push(textOfField(this.scanner, reader, i).trim());
    this.useColumns(columns);
    return next;
  }
}

function isBlankRow(scanner: RowScanner): boolean {
  return scanner.count === 1 && scanner.starts[0] === scanner.ends[0];
}

/** Without its line break. */
function rowEnd(bytes: Buffer, next: number): number {
  let end = next;
  if (end > 0 && bytes[end - 1] === 0x0a) end--;
  if (end > 0 && bytes[end - 1] === 0x0d) end--;
  return end;
}
