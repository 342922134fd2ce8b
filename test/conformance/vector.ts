import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';

/** A vector (README.md): an operator, what is fed to it, what must come out. */
export interface Vector {
  readonly name: string;
  readonly operator: Readonly<Record<string, unknown>> & { readonly type: string };
  readonly order: 'exact' | 'segments' | 'any' | 'ignore';
  readonly input: readonly Step[];
  readonly expect: readonly Expectation[];
  readonly noOutputAfter?: readonly number[] | undefined;
  readonly expectState?: readonly StateExpectation[] | undefined;
  readonly invariant?: string | undefined;
}

/** Fields depend on `t` and on the vector's type. */
export interface Step {
  readonly t: string;
  readonly ts?: VectorTime | undefined;
  readonly value?: unknown;
  readonly key?: string | number | undefined;
  readonly side?: 1 | 2 | undefined;
  readonly kind?: string | undefined;
  readonly channel?: number | undefined;
  readonly output?: string | undefined;
  readonly mode?: 'immediate' | 'deferred' | undefined;
  readonly status?: 'ACTIVE' | 'IDLE' | undefined;
  readonly ms?: number | undefined;
  readonly window?: VectorWindow | undefined;
  readonly windows?: readonly VectorWindow[] | undefined;
  readonly checkpointId?: number | undefined;
  readonly a?: VectorWindow | undefined;
  readonly b?: VectorWindow | undefined;
  readonly offset?: number | undefined;
  readonly size?: number | undefined;
  readonly from?: readonly VectorWindow[] | undefined;
  readonly into?: VectorWindow | undefined;
}

export type Expectation = Readonly<Record<string, unknown>> & { readonly by?: number | undefined };
export type StateExpectation = Readonly<Record<string, unknown>> & { readonly after: number };
/** Milliseconds, `MAX`, `MIN`, `MAX-n`; null is a record without timestamp. */
export type VectorTime = number | string | null;
export type VectorWindow = readonly [start: VectorTime, end: VectorTime];

/** Reads a file of vectors, JSON or gzip'ed JSON. */
export function readVectors(file: string | URL): Vector[] {
  const bytes = readFileSync(file);
  const text = bytes[0] === 0x1f ? gunzipSync(bytes).toString('utf8') : bytes.toString('utf8');
  return JSON.parse(text) as Vector[];
}

/** @returns NaN for null, the engine's limits for MAX and MIN. */
export function timeMs(time: VectorTime | undefined): number {
  if (time === null || time === undefined) return Number.NaN;
  if (typeof time === 'number') return time;
  if (time === 'MIN') return MIN_TIMESTAMP_MS;
  return MAX_TIMESTAMP_MS - (time === 'MAX' ? 0 : Number(time.slice('MAX-'.length)));
}

/** The inverse of `timeMs`, as vectors print it. */
export function printTime(timestampMs: number): VectorTime {
  if (Number.isNaN(timestampMs)) return null;
  if (timestampMs === MIN_TIMESTAMP_MS) return 'MIN';
  if (timestampMs === MAX_TIMESTAMP_MS) return 'MAX';
  return timestampMs > MAX_TIMESTAMP_MS - 1_000_000 ? `MAX-${MAX_TIMESTAMP_MS - timestampMs}` : timestampMs;
}
