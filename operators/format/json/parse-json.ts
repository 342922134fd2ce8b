import { RecordError } from '../../../engine/base/errors.ts';
import { DecodeError } from '../decode-error.ts';
import type { DecodeOutput } from '../decode-format.ts';
import { byteOrderMarkBytes } from '../lines.ts';

/** @throws DecodeError PARSE. */
export function parseJson(bytes: Buffer, start: number, end: number): unknown {
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

/** Converts a value into a record that ends at `resumeAt`, or rejects `bytes[start, end)`. */
export function emitJson<T>(
  convert: (value: unknown) => T,
  value: unknown,
  start: number,
  end: number,
  resumeAt: number,
  output: DecodeOutput<T>,
): void {
  let record: T;
  try {
    record = convert(value);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    output.reject(error, start, end);
    return;
  }
  output.record(record, resumeAt);
}
