import { UserError } from '../../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../../engine/time/duration.ts';

/** Keeps the keys that were asked for; those that are not used any more go first. At least one limit is needed. */
export interface PartialCacheOptions {
  readonly kind: 'partial';
  /** Rows kept at most, per subtask; a key without rows counts as one. */
  readonly maxRows?: number | undefined;
  /** A key is asked for again so long after it was loaded. */
  readonly expireAfterWrite?: Duration | undefined;
  /** A key is forgotten so long after it was last used. */
  readonly expireAfterAccess?: Duration | undefined;
  /** Whether it is kept that a key has no rows. Default true. */
  readonly cacheMissing?: boolean | undefined;
}

/** Keeps the whole table, in every subtask, loaded before the first record. */
export interface FullCacheOptions {
  readonly kind: 'full';
  /** From the end of a load to the beginning of the next one. Until that is complete, the old rows answer. */
  readonly reloadInterval: Duration;
}

export type LookupCacheOptions = PartialCacheOptions | FullCacheOptions;

/** @throws UserError JOB_DEFINITION, beginning with `what`, for an option that is wrong. */
export function checkCacheOptions(what: string, options: LookupCacheOptions): void {
  const refuse = (message: string, hint?: string): never => {
    throw new UserError('JOB_DEFINITION', `${what}: ${message}`, { hint });
  };
  const checkPositive = (name: string, duration: Duration | undefined): void => {
    if (duration !== undefined && !(durationMs(duration) > 0))
      refuse(`expected ${name} to be positive, found ${String(duration)}`);
  };
  if (options.kind === 'full') {
    checkPositive('reloadInterval', options.reloadInterval);
    return;
  }
  const { maxRows, expireAfterWrite, expireAfterAccess } = options;
  if (maxRows === undefined && expireAfterWrite === undefined && expireAfterAccess === undefined)
    refuse(
      'a partial cache without a limit would grow forever',
      'Give it maxRows, expireAfterWrite or expireAfterAccess.',
    );
  if (maxRows !== undefined && !(Number.isInteger(maxRows) && maxRows > 0))
    refuse(`expected maxRows to be a positive integer, found ${maxRows}`);
  checkPositive('expireAfterWrite', expireAfterWrite);
  checkPositive('expireAfterAccess', expireAfterAccess);
}
