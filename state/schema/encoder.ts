import type { ByteWriter } from '../../engine/base/bytes.ts';
import { generateWrite } from './generate-write.ts';
import { interpretWrite } from './interpret-write.ts';
import type { Shape } from './shape.ts';
import { writeError } from './write-error.ts';

/** The encoder of a shape. On a value that does not fit it throws RecordError and leaves the writer as it was. */
export function createEncoder<T>(shape: Shape): (writer: ByteWriter, value: T) => void {
  return generateWrite<T>(shape) ?? createInterpretedEncoder<T>(shape);
}

/** The same without generated code, some ten times slower. */
export function createInterpretedEncoder<T>(shape: Shape): (writer: ByteWriter, value: T) => void {
  return (writer, value) => {
    const start = writer.length;
    try {
      interpretWrite(writer, shape, value);
    } catch (error) {
      writer.length = start;
      throw writeError(shape, value, error);
    }
  };
}
