import { RecordError } from '../../engine/base/errors.ts';
import { describeMismatch } from './mismatch.ts';
import type { Shape } from './shape.ts';

/** What to report when writing `value` has failed with `error`: what does not fit, if that was the reason. */
export function writeError(shape: Shape, value: unknown, error: unknown): unknown {
  const problem = describeMismatch(shape, value);
  return problem === undefined ? error : new RecordError(problem, { cause: error });
}
