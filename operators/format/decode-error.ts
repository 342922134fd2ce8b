import { RecordError } from '../../engine/base/errors.ts';
import { describeValue } from '../../state/schema/mismatch.ts';

/** What is wrong with a record, as data-quality metrics count it. */
export type DecodeReason =
  /** Not of the format at all: broken JSON, torn Avro. */
  | 'PARSE'
  /** A value of another type, or a row with another number of columns. */
  | 'SCHEMA'
  | 'REQUIRED_MISSING'
  /** A number or decimal outside of what the type holds. */
  | 'RANGE'
  | 'TS_UNPARSEABLE'
  /** The registry does not know the record's schema: worth another try later. */
  | 'SCHEMA_UNKNOWN';

export interface DecodeErrorDetails {
  readonly reason: DecodeReason;
  /** Path of the field, `Click.costMicros`; undefined when it is about the record as a whole. */
  readonly field?: string | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly cause?: unknown;
}

/** A record that a format could not decode: which field, expected what, found what. */
export class DecodeError extends RecordError {
  readonly reason: DecodeReason;
  readonly field: string | undefined;
  readonly expected: string | undefined;
  readonly found: string | undefined;

  constructor(message: string, details: DecodeErrorDetails) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.reason = details.reason;
    this.field = details.field;
    this.expected = details.expected;
    this.found = details.found;
  }
}

/** A field whose value does not fit. */
export function fieldError(reason: DecodeReason, field: string, expected: string, value: unknown): DecodeError {
  const found = describeValue(value);
  const place = field === '' ? '' : `${field}: `;
  return new DecodeError(`${place}expected ${expected}, found ${found}`, { reason, field, expected, found });
}
