import { hash } from 'node:crypto';
import type { EventKind } from './schemas.ts';

/** Between the parts of what is hashed; no id or name holds it. */
const SEPARATOR = '\u001f';
/** 128 bits. */
const ID_DIGITS = 32;

/**
 * Id of a row that came without one: a hash of its canonical payload (times in milliseconds, names as they are), so that
 * the same row gets the same id wherever and however often it is read.
 */
export function rowId(kind: EventKind, ...payload: readonly (string | number)[]): string {
  return digestOf([kind, ...payload]);
}

/** Id of an event whose own id was used before by another event. */
export function collisionId(eventId: string, fingerprint: number): string {
  return digestOf(['collision', eventId, fingerprint]);
}

/** Id of an attribution row: a replay gives the same, so rows can be upserted. */
export function attributionId(conversionKey: string, model: string, touchId: string): string {
  return digestOf(['attribution', conversionKey, model, touchId]);
}

function digestOf(parts: readonly (string | number)[]): string {
  return hash('sha256', parts.join(SEPARATOR), 'hex').slice(0, ID_DIGITS);
}
