import { RecordError } from '../../../engine/base/errors.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape, type Shape } from '../../../state/schema/shape.ts';
import { DecodeError } from '../decode-error.ts';
import type { DecodeFormat, DecodeOutput, Framing, RecordDecoder } from '../decode-format.ts';
import { byteOrderMarkBytes, findLineStart } from '../lines.ts';
import { zoneOffset } from '../timestamp-text.ts';
import { PLAIN_JSON, type JsonRules } from './from-json.ts';
import { createFromJson } from './generate-from-json.ts';

export interface JsonOptions {
  /** Names in JSON by field name, where they differ: `{ clickId: 'click_id' }`. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  /** Zone of times without offset (`UTC`, `+02:00`, `Europe/Berlin`). Default: such a time is an error. */
  readonly defaultZone?: string | undefined;
}

/**
 * JSON read as a schema says (see `fromJson` for what fits). A message is one value, or an array of them; a file is one
 * value a line.
 */
export function json<T>(schema: Schema<T>, options: JsonOptions = {}): DecodeFormat<T> {
  return createJsonFormat(schema, options, false);
}

/** One JSON value a line, in messages as in files. Empty lines are passed over. */
export function jsonLines<T>(schema: Schema<T>, options: JsonOptions = {}): DecodeFormat<T> {
  return createJsonFormat(schema, options, true);
}

function createJsonFormat<T>(schema: Schema<T>, options: JsonOptions, isAlwaysLines: boolean): DecodeFormat<T> {
  const shape = shapeOf(schema);
  const rules: JsonRules = {
    names: options.names ?? PLAIN_JSON.names,
    zone: options.defaultZone === undefined ? undefined : zoneOffset(options.defaultZone),
  };
  return {
    description: `json ${describeShape(shape)}`,
    createDecoder: (framing: Framing): RecordDecoder<T> => {
      const convert = createFromJson<T>(shape, rules);
      return framing === 'stream' || isAlwaysLines
        ? new JsonLinesDecoder(convert)
        : new JsonMessageDecoder(convert, shape);
    },
  };
}

class JsonMessageDecoder<T> implements RecordDecoder<T> {
  readonly #convert: (value: unknown) => T;
  readonly #isList: boolean;

  constructor(convert: (value: unknown) => T, shape: Shape) {
    this.#convert = convert;
    this.#isList = shape.kind === 'array';
  }

  decode(bytes: Buffer, start: number, end: number, _isEnd: boolean, output: DecodeOutput<T>): number {
    let value: unknown;
    try {
      value = parse(bytes, start, end);
    } catch (error) {
      output.reject(error as RecordError, start, end);
      return end;
    }
    if (!Array.isArray(value) || this.#isList) {
      this.#emit(value, start, end, end, output);
      return end;
    }
    for (let i = 0; i < value.length; i++) this.#emit(value[i], start, end, i === value.length - 1 ? end : -1, output);
    return end;
  }

  #emit(value: unknown, start: number, end: number, resumeAt: number, output: DecodeOutput<T>): void {
    let record: T;
    try {
      record = this.#convert(value);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      output.reject(error, start, end);
      return;
    }
    output.record(record, resumeAt);
  }
}

class JsonLinesDecoder<T> implements RecordDecoder<T> {
  readonly #convert: (value: unknown) => T;

  constructor(convert: (value: unknown) => T) {
    this.#convert = convert;
  }

  decode(bytes: Buffer, start: number, end: number, isEnd: boolean, output: DecodeOutput<T>): number {
    let at = start;
    while (at < end) {
      let newline = bytes.indexOf(0x0a, at);
      if (newline < 0 || newline >= end) {
        if (!isEnd) return at;
        newline = end;
      }
      const next = Math.min(newline + 1, end);
      if (!isBlank(bytes, at, newline)) this.#line(bytes, at, newline, next, output);
      at = next;
    }
    return end;
  }

  findStart(bytes: Buffer, from: number, end: number): number {
    return findLineStart(bytes, from, end);
  }

  #line(bytes: Buffer, start: number, end: number, next: number, output: DecodeOutput<T>): void {
    let record: T;
    try {
      record = this.#convert(parse(bytes, start, end));
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      output.reject(error, start, end);
      return;
    }
    output.record(record, next);
  }
}

/** @throws DecodeError PARSE. */
function parse(bytes: Buffer, start: number, end: number): unknown {
  const text = bytes.toString('utf8', start + byteOrderMarkBytes(bytes, start, end), end);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const found = text === '' ? 'nothing' : JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
    throw new DecodeError(`expected JSON, found ${found}: ${(cause as Error).message}`, {
      reason: 'PARSE',
      expected: 'JSON',
      found,
      cause,
    });
  }
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at]! > 0x20) return false;
  return true;
}
