import { RecordError } from '../../../engine/base/errors.ts';
import type { QualityErrorCode } from '../schemas.ts';

/** A row that the quality gate refuses; the message says which field, expected what, found what. */
export class RowError extends RecordError {
  readonly errorCode: QualityErrorCode;

  constructor(errorCode: QualityErrorCode, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

/** A value for a message, shortened. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
