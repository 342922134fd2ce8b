import { string } from '../../../state/schema/scalars.ts';
import type { Schema } from '../../../state/schema/schema.ts';

const TEXT = string();

/** Any JSON value, as text: all that state needs to know of a vector's values. */
export const AnyJson: Schema<unknown> = {
  avro: 'string',
  isOptional: false,
  encode: (writer, value) => TEXT.encode(writer, JSON.stringify(value)),
  decode: (reader) => JSON.parse(TEXT.decode(reader)) as unknown,
  validate: () => undefined,
};
