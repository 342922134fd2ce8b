import { UserError } from '../../base/errors.ts';
import { BINARY_KIND_BY_PROTOTYPE } from './value-tags.ts';

/** Objects nested deeper than this are refused. */
export const DEPTH_MAX = 500;

/** A value cannot be sent. What and where is found out afterwards: `unsendableError`. */
export class Unsendable extends Error {}

/** What is wrong with a record that cannot be sent, in words. @param target name of the operator that it is sent to. */
export function unsendableError(record: unknown, target: string | undefined): UserError {
  const found = find(record, [], new Set()) ?? { path: [], what: 'changed while it was sent' };
  const path = found.path.length === 0 ? 'it' : `its ${found.path.join('')}`.replace('its .', 'its field ');
  return new UserError(
    'JOB_DEFINITION',
    `a record${target === undefined ? '' : ` for '${target}'`} cannot be sent to another thread: ${path} is ${found.what}, expected plain data`,
    {
      hint: 'Between threads travel primitives, plain objects, arrays, Date, Map, Set and bytes, as copies. Send an object of those (of an instance of a class, its fields) and make the instance where it is used, or run the job without workers.',
    },
  );
}

interface Finding {
  readonly path: readonly string[];
  readonly what: string;
}

function find(value: unknown, path: readonly string[], ancestors: Set<object>): Finding | undefined {
  if (typeof value === 'function') return { path, what: `a function${value.name === '' ? '' : ` (${value.name})`}` };
  if (typeof value === 'symbol') return { path, what: 'a symbol' };
  if (typeof value !== 'object' || value === null) return undefined;
  if (ancestors.has(value)) return { path, what: 'an object that contains itself' };
  if (path.length > DEPTH_MAX) return { path: path.slice(0, 3), what: `nested more than ${DEPTH_MAX} deep` };
  ancestors.add(value);
  const found = findInside(value, path, ancestors);
  ancestors.delete(value);
  return found;
}

function findInside(value: object, path: readonly string[], ancestors: Set<object>): Finding | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Date.prototype || (prototype !== null && BINARY_KIND_BY_PROTOTYPE.has(prototype))) return undefined;
  let entries: Iterable<readonly [string, unknown]>;
  if (prototype === Array.prototype) {
    entries = (value as unknown[]).map((item, i) => [`[${i}]`, item] as const);
  } else if (prototype === Map.prototype) {
    entries = [...(value as Map<unknown, unknown>)].flatMap(([key, item], i) => [
      [`.keys()[${i}]`, key] as const,
      [typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `.values()[${i}]`, item] as const,
    ]);
  } else if (prototype === Set.prototype) {
    entries = [...(value as Set<unknown>)].map((item, i) => [`.values()[${i}]`, item] as const);
  } else if (prototype === Object.prototype || prototype === null) {
    entries = Object.entries(value).map(([key, item]) => [`.${key}`, item] as const);
  } else {
    const { constructor } = prototype as { readonly constructor?: unknown };
    const name = typeof constructor === 'function' && constructor !== Object ? constructor.name : '';
    return { path, what: name === '' ? 'an object with a prototype of its own' : `an instance of ${name}` };
  }
  for (const [step, item] of entries) {
    const found = find(item, [...path, step], ancestors);
    if (found !== undefined) return found;
  }
  return undefined;
}
