import { NO_TIMESTAMP } from '../../../engine/time/timestamps.ts';
import { INSERT, type RowKind, rowKindName } from '../../../engine/task/row-kind.ts';

/** What an operator emitted, as tests compare it. */
export type OutputElement<T = unknown> = RecordElement<T> | WatermarkElement | StatusElement;

export interface RecordElement<T = unknown> {
  readonly value: T;
  /** Milliseconds; NaN when there is none. */
  readonly timestampMs: number;
  readonly kind: ReturnType<typeof rowKindName>;
}

export interface WatermarkElement {
  readonly watermarkMs: number;
}

export interface StatusElement {
  readonly status: 'active' | 'idle';
}

export function record<T>(value: T, timestampMs: number = NO_TIMESTAMP, kind: RowKind = INSERT): RecordElement<T> {
  return { value, timestampMs, kind: rowKindName(kind) };
}

export function watermark(watermarkMs: number): WatermarkElement {
  return { watermarkMs };
}

export function status(value: 'active' | 'idle'): StatusElement {
  return { status: value };
}

export function isRecord<T>(element: OutputElement<T>): element is RecordElement<T> {
  return 'value' in element;
}
