import type { ByteWriter } from '../../../engine/base/bytes.ts';
import { RecordError } from '../../../engine/base/errors.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape } from '../../../state/schema/shape.ts';
import type { EncodeFormat } from '../encode-format.ts';
import { toJson } from './to-json.ts';

export interface JsonEncodeOptions {
  /** Names in JSON by field name, where they differ. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  /** How `timestampMs` is written. Default `epochMs`. */
  readonly timestamps?: 'epochMs' | 'iso' | undefined;
}

/** One JSON object per record, without line breaks: what `json` and `jsonLines` read. */
export function jsonEncoder<T>(schema: Schema<T>, options: JsonEncodeOptions = {}): EncodeFormat<T> {
  const shape = shapeOf(schema);
  const names = options.names ?? {};
  const isIso = options.timestamps === 'iso';
  return {
    description: `json ${describeShape(shape)}`,
    encode(writer: ByteWriter, value: T): void {
      const problem = schema.validate(value);
      if (problem !== undefined) throw new RecordError(problem);
      writeText(writer, JSON.stringify(toJson(shape, value, isIso, names)));
    },
    separator: '\n',
  };
}

function writeText(writer: ByteWriter, text: string): void {
  writer.ensure(text.length * 3);
  writer.length += writer.buffer.write(text, writer.length, 'utf8');
}
