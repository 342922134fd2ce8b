import { RecordError } from '../../../engine/base/errors.ts';
import type { DecodeOutput, RecordDecoder } from '../decode-format.ts';
import { findLineStart } from '../lines.ts';
import { MessageReader } from '../message-reader.ts';
import type { JsonScanner } from './generate-scan.ts';
import { emitJson, parseJson } from './parse-json.ts';
import { FAILED } from './scan-json.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** A line that the scanner gives up costs this much trust, a line that it reads gives back 1. */
const FAILURE_COST = 2;
/** Without trust the scanner is left out: these lines are written in a way that only `JSON.parse` reads. */
const TRUST = 2048;

/** One JSON value a line: the scanner where it can, else `JSON.parse`. Blank lines are passed over. */
export class JsonLinesDecoder<T> implements RecordDecoder<T> {
  readonly #convert: (value: unknown) => T;
  readonly #scan: JsonScanner<T> | undefined;
  readonly #reader = new MessageReader();
  #trust = TRUST;

  constructor(convert: (value: unknown) => T, scan: JsonScanner<T> | undefined) {
    this.#convert = convert;
    this.#scan = scan;
  }

  decode(bytes: Buffer, start: number, end: number, isEnd: boolean, output: DecodeOutput<T>): number {
    const scan = this.#trust > 0 ? this.#scan : undefined;
    const reader = this.#reader.at(bytes, start, end);
    // A torn line is not scanned: behind it lie bytes of something else, and what they look like is not to be learned from.
    const lastNewline = end > start ? bytes.lastIndexOf(NEWLINE, end - 1) : -1;
    const scanEnd = isEnd ? end : lastNewline;
    let at = start;
    while (at < end) {
      if (scan !== undefined && at < scanEnd && bytes[at] === 0x7b) {
        reader.offset = at;
        const record = scan(reader);
        if (record !== FAILED) {
          const next = lineEnd(bytes, reader.offset, end, isEnd);
          if (next > 0) {
            output.record(record, next);
            if (this.#trust < TRUST) this.#trust++;
            at = next;
            continue;
          }
        }
        this.#trust -= FAILURE_COST;
      }
      if (at > lastNewline && !isEnd) return at;
      const newline = at > lastNewline ? end : bytes.indexOf(NEWLINE, at);
      const next = Math.min(newline + 1, end);
      if (!isBlank(bytes, at, newline)) this.#parse(bytes, at, newline, next, output);
      at = next;
    }
    return end;
  }

  findStart(bytes: Buffer, from: number, end: number): number {
    return findLineStart(bytes, from, end);
  }

  #parse(bytes: Buffer, start: number, end: number, next: number, output: DecodeOutput<T>): void {
    let value: unknown;
    try {
      value = parseJson(bytes, start, end);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      output.reject(error, start, end);
      return;
    }
    emitJson(this.#convert, value, start, end, next, output);
  }
}

/** The offset behind the line whose value ends at `at`, or 0 when something else follows, or nothing yet. */
function lineEnd(bytes: Buffer, at: number, end: number, isEnd: boolean): number {
  if (at < end && bytes[at] === RETURN) at++;
  if (at < end && bytes[at] === NEWLINE) return at + 1;
  return at === end && isEnd ? end : 0;
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at]! > 0x20) return false;
  return true;
}
