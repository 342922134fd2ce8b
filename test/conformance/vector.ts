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
/** Milliseconds, `MAX`, `MIN`, `MAX-n`, `MIN+n`; null is a record without timestamp. */
export type VectorTime = number | string | null;
export type VectorWindow = readonly [start: VectorTime, end: VectorTime];

/**
 * Reads a file of vectors, JSON or gzip'ed JSON.
 *
 * @throws Error when it cannot be read or is not a JSON array; its elements are not looked at.
 */
export function readVectors(file: string | URL): Vector[] {
  const bytes = readFileSync(file);
  const text = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes).toString('utf8') : bytes.toString('utf8');
  // Times beside Java's limits would lose their last digits.
  const vectors: unknown = BEYOND_NUMBERS.test(text)
    ? JSON.parse(text, reviveTime as Parameters<typeof JSON.parse>[1])
    : JSON.parse(text);
  if (!Array.isArray(vectors)) throw new Error('expected a JSON array of vectors');
  return vectors as Vector[];
}

const BEYOND_NUMBERS = /\b9223372036854[67]\d{5}\b/;
const JAVA_MAX = 2n ** 63n - 1n;

function reviveTime(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined || !/^-?9223372036854[67]\d{5}$/.test(source)) return value;
  const exact = BigInt(source);
  return exact > 0n ? `MAX-${JAVA_MAX - exact}` : `MIN+${exact + JAVA_MAX + 1n}`;
}

/** What makes something no vector, with its place; undefined when it is one. */
export function malformation(vector: unknown): string | undefined {
  if (!isObject(vector)) return `expected an object, found ${JSON.stringify(vector)}`;
  const { name, operator, order, input, expect, noOutputAfter, expectState } = vector;
  if (typeof name !== 'string') return `name: expected a text, found ${JSON.stringify(name)}`;
  if (!isObject(operator) || typeof operator['type'] !== 'string')
    return `operator: expected an object with a type, found ${JSON.stringify(operator)}`;
  if (!ORDERS.has(order)) return `order: expected exact, segments, any or ignore, found ${JSON.stringify(order)}`;
  if (!Array.isArray(input) || !Array.isArray(expect)) return 'expected the lists input and expect';
  const step = input.findIndex((it) => !isObject(it) || typeof it['t'] !== 'string');
  if (step >= 0) return `step ${step + 1}: expected an object with t, found ${JSON.stringify(input[step])}`;
  const entry = expect.findIndex((it) => !isObject(it));
  if (entry >= 0) return `expectation ${entry + 1}: expected an object, found ${JSON.stringify(expect[entry])}`;
  if (noOutputAfter !== undefined && !(Array.isArray(noOutputAfter) && noOutputAfter.every(Number.isInteger)))
    return `noOutputAfter: expected numbers of steps, found ${JSON.stringify(noOutputAfter)}`;
  if (expectState !== undefined && !(Array.isArray(expectState) && expectState.every(isObject)))
    return `expectState: expected objects, found ${JSON.stringify(expectState)}`;
  return undefined;
}

const ORDERS: ReadonlySet<unknown> = new Set(['exact', 'segments', 'any', 'ignore']);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * @returns NaN for null, the engine's limits for MAX and MIN.
 * @throws Error when it is no time.
 */
export function timeMs(time: VectorTime | undefined): number {
  if (time === null || time === undefined) return Number.NaN;
  if (typeof time === 'number') return time;
  if (time === 'MIN') return MIN_TIMESTAMP_MS;
  if (time === 'MAX') return MAX_TIMESTAMP_MS;
  const [, limit, ms] = /^(MAX-|MIN\+)(\d+)$/.exec(String(time)) ?? [];
  if (ms === undefined) throw new Error(`expected a time, found ${JSON.stringify(time)}`);
  return limit === 'MAX-' ? MAX_TIMESTAMP_MS - Number(ms) : MIN_TIMESTAMP_MS + Number(ms);
}

/** This near to its limits a time is written as a distance from them. */
const NEAR_LIMIT_MS = 1_000_000;

/** The inverse of `timeMs`, as vectors print it. */
export function printTime(timestampMs: number): VectorTime {
  if (Number.isNaN(timestampMs)) return null;
  if (timestampMs === MIN_TIMESTAMP_MS) return 'MIN';
  if (timestampMs === MAX_TIMESTAMP_MS) return 'MAX';
  if (timestampMs > MAX_TIMESTAMP_MS - NEAR_LIMIT_MS) return `MAX-${MAX_TIMESTAMP_MS - timestampMs}`;
  return timestampMs < MIN_TIMESTAMP_MS + NEAR_LIMIT_MS ? `MIN+${timestampMs - MIN_TIMESTAMP_MS}` : timestampMs;
}
