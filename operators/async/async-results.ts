import { UserError } from '../../engine/base/errors.ts';

/** The results that an async function has given, as a list. @throws UserError USER_FUNCTION when they are none. */
export function toResults<R>(given: Iterable<R>): readonly R[] {
  if (Array.isArray(given)) return given as readonly R[];
  if (typeof given === 'object' && given !== null && Symbol.iterator in given) return [...given];
  throw new UserError(
    'USER_FUNCTION',
    `expected an iterable of results, found ${given === null ? 'null' : typeof given}`,
    {
      hint: 'An async function gives any number of results per record: put a single one into an array.',
    },
  );
}

export function isPromise<V>(value: V | PromiseLike<V>): value is PromiseLike<V> {
  return typeof (value as PromiseLike<V> | null | undefined)?.then === 'function';
}
