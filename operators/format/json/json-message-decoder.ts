import { RecordError } from '../../../engine/base/errors.ts';
import type { DecodeOutput, RecordDecoder } from '../decode-format.ts';
import { MessageReader } from '../message-reader.ts';
import type { JsonScanner } from './generate-scan.ts';
import { emitJson, parseJson } from './parse-json.ts';
import { FAILED } from './scan-json.ts';

/** One JSON value a message, or an array of them: the scanner where it can, else `JSON.parse`. */
export class JsonMessageDecoder<T> implements RecordDecoder<T> {
  readonly #convert: (value: unknown) => T;
  readonly #scan: JsonScanner<T> | undefined;
  /** The record itself is an array. */
  readonly #isArray: boolean;
  readonly #reader = new MessageReader();

  constructor(convert: (value: unknown) => T, scan: JsonScanner<T> | undefined, isArray: boolean) {
    this.#convert = convert;
    this.#scan = scan;
    this.#isArray = isArray;
  }

  decode(bytes: Buffer, start: number, end: number, _isEnd: boolean, output: DecodeOutput<T>): number {
    if (this.#scan !== undefined && bytes[start] === 0x7b) {
      const reader = this.#reader.at(bytes, start, end);
      const record = this.#scan(reader);
      if (record !== FAILED && reader.offset === end) {
        output.record(record, end);
        return end;
      }
    }
    this.#parse(bytes, start, end, output);
    return end;
  }

  #parse(bytes: Buffer, start: number, end: number, output: DecodeOutput<T>): void {
    let value: unknown;
    try {
      value = parseJson(bytes, start, end);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      output.reject(error, start, end);
      return;
    }
    if (!Array.isArray(value) || this.#isArray) {
      emitJson(this.#convert, value, start, end, end, output);
      return;
    }
    const last = value.length - 1;
    for (let i = 0; i <= last; i++) emitJson(this.#convert, value[i], start, end, i === last ? end : -1, output);
  }
}
