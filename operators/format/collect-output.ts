import { RecordError } from '../../engine/base/errors.ts';
import { DecodeOutput, type DecodeFormat } from './decode-format.ts';

/** Keeps what a decoder finds: for tests and tools. */
export class CollectOutput<T> extends DecodeOutput<T> {
  readonly records: T[] = [];
  /** Resume offset of each record. */
  readonly ends: number[] = [];
  readonly rejects: { readonly error: RecordError; readonly start: number; readonly end: number }[] = [];

  record(value: T, end: number): void {
    this.records.push(value);
    this.ends.push(end);
  }

  reject(error: RecordError, start: number, end: number): void {
    this.rejects.push({ error, start, end });
  }
}

/** A function that decodes one message to exactly one record, for readers that know nothing of formats. */
export function createValueDecoder<T>(format: DecodeFormat<T>): (bytes: Buffer) => T {
  const decoder = format.createDecoder('message');
  const output = new SingleOutput<T>();
  return (bytes) => {
    output.count = 0;
    decoder.decode(bytes, 0, bytes.length, true, output);
    return output.take();
  };
}

class SingleOutput<T> extends DecodeOutput<T> {
  count = 0;
  #value: T | undefined;
  #error: RecordError | undefined;

  record(value: T): void {
    this.#value = value;
    this.count++;
  }

  reject(error: RecordError): void {
    this.#error ??= error;
  }

  take(): T {
    const error = this.#error;
    const value = this.#value;
    this.#error = undefined;
    this.#value = undefined;
    if (error !== undefined) throw error;
    if (this.count !== 1) throw new RecordError(`expected one record in the message, found ${this.count}`);
    return value as T;
  }
}
