import { InternalError } from './errors.ts';

/**
 * Checks an invariant of our own code. The world's faults (input, network, disk) are errors, never assertions.
 *
 * @param message lazy, so that a holding assertion costs nothing but its condition.
 * @throws InternalError when `condition` is false.
 */
export function assert(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new InternalError(message());
}

/** Ends a switch over a closed union: the compiler refuses a missing case, the run time reports a corrupt value. */
export function unreachable(value: never): never {
  throw new InternalError(`unreachable case ${String(value)}`);
}
