import type { Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape } from '../../../state/schema/shape.ts';
import type { DecodeFormat, Framing, RecordDecoder } from '../decode-format.ts';
import { zoneOffset } from '../timestamp-text.ts';
import { PLAIN_JSON, type JsonRules } from './from-json.ts';
import { createFromJson } from './generate-from-json.ts';
import { createLearningScanner } from './learned-scan.ts';
import { JsonLinesDecoder } from './json-lines-decoder.ts';
import { JsonMessageDecoder } from './json-message-decoder.ts';

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
      const scan = shape.kind === 'record' ? createLearningScanner<T>(shape, rules) : undefined;
      if (framing === 'stream' || isAlwaysLines) return new JsonLinesDecoder(convert, scan);
      return new JsonMessageDecoder(convert, scan, shape.kind === 'array');
    },
  };
}
