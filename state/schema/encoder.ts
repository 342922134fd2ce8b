import type { ByteWriter } from '../../engine/base/bytes.ts';
import { RecordError } from '../../engine/base/errors.ts';
import { interpretWrite } from './interpret-write.ts';
import { describeMismatch } from './mismatch.ts';
import type { Shape } from './shape.ts';

/** The encoder of a shape. On a value that does not fit it throws RecordError and leaves the writer as it was. */
export function createEncoder<T>(shape: Shape): (writer: ByteWriter, value: T) => void {
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

/** What to report when writing `value` failed with `error`. */
export function writeError(shape: Shape, value: unknown, error: unknown): unknown {
  const problem = describeMismatch(shape, value);
  return problem === undefined ? error : new RecordError(problem);
}
