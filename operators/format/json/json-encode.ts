import type { ByteWriter } from '../../../engine/base/bytes.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape } from '../../../state/schema/shape.ts';
import { writeError } from '../../../state/schema/write-error.ts';
import type { EncodeFormat } from '../encode-format.ts';
import { generateWriteJson, writeJson, type JsonWriteRules } from './generate-write-json.ts';

export interface JsonEncodeOptions {
  /** Names in JSON by field name, where they differ. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  /** How `timestampMs` is written. Default `epochMs`. */
  readonly timestamps?: 'epochMs' | 'iso' | undefined;
}

/**
 * One JSON object per record, without line breaks: what `json` and `jsonLines` read. Fields stand in the order of the schema;
 * absent ones are left out. Bytes are base64; decimals and infinite numbers are text.
 */
export function jsonEncoder<T>(schema: Schema<T>, options: JsonEncodeOptions = {}): EncodeFormat<T> {
  const shape = shapeOf(schema);
  const rules: JsonWriteRules = { names: options.names ?? {}, isIso: options.timestamps === 'iso' };
  const interpreted = (writer: ByteWriter, value: T): void => {
    try {
      writeJson(writer, shape, value, rules);
    } catch (error) {
      throw writeError(shape, value, error);
    }
  };
  return {
    description: `json ${describeShape(shape)}`,
    encode: generateWriteJson<T>(shape, rules) ?? interpreted,
    separator: '\n',
  };
}
