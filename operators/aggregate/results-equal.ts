import { isDeepStrictEqual } from 'node:util';

/** Whether two results of an aggregate are the same, by value. */
export function resultsEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (!isPlain(a) || !isPlain(b)) return isDeepStrictEqual(a, b);
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  let count = 0;
  for (const name in left) {
    if (!resultsEqual(left[name], right[name])) return false;
    if (left[name] === undefined && !(name in right)) return false;
    count++;
  }
  for (const _ in right) count--;
  return count === 0;
}

/** A result that stays as it is while the accumulator goes on: itself, or a copy where it is the accumulator. */
export function detachedResult(result: unknown, accumulator: unknown): unknown {
  if (result !== accumulator || typeof result !== 'object' || result === null) return result;
  if (Array.isArray(result)) return result.slice();
  if (result instanceof Map) return new Map(result);
  if (result instanceof Set) return new Set(result);
  return { ...result };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
