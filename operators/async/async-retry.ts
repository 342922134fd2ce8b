import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';

/** When an async function is asked again about a record. Keeps nothing: all records share it. */
export interface AsyncRetryStrategy<R> {
  /** Attempts per record at most, the first included. */
  readonly maxAttempts: number;
  /** Milliseconds between the end of attempt `attempt` (from 1) and the next one. */
  delayMs(attempt: number): number;
  /** Whether these results ask for another attempt. The results of the last attempt stand. */
  readonly ifResult?: ((results: readonly R[]) => boolean) | undefined;
  /** Whether this failure asks for another attempt. The failure of the last attempt fails the job. */
  readonly ifError?: ((error: unknown) => boolean) | undefined;
}

interface RetryOptions<R> extends Pick<AsyncRetryStrategy<R>, 'ifResult' | 'ifError'> {
  /** Attempts per record at most, the first included. */
  readonly maxAttempts: number;
}

export interface FixedDelayRetryOptions<R> extends RetryOptions<R> {
  readonly delay: Duration;
}

export interface ExponentialBackoffRetryOptions<R> extends RetryOptions<R> {
  /** Before the second attempt. */
  readonly initialDelay: Duration;
  readonly maxDelay: Duration;
  /** At least 1. */
  readonly multiplier: number;
}

/** Ready conditions for retry strategies. */
export const RetryPredicates = {
  /** There is no result. */
  emptyResult: (results: readonly unknown[]): boolean => results.length === 0,
  /** Any failure. */
  anyError: (): boolean => true,
} as const;

/** Retry strategies, as Flink has them. */
export const AsyncRetryStrategies = {
  /** The same pause between all attempts. @throws UserError CONFIGURATION for a wrong number. */
  fixedDelay<R>(options: FixedDelayRetryOptions<R>): AsyncRetryStrategy<R> {
    const { maxAttempts, ifResult, ifError } = checked(options);
    const delayMs = positiveMs('delay', options.delay);
    return { maxAttempts, delayMs: () => delayMs, ifResult, ifError };
  },

  /** Pauses that grow by a factor, up to a limit. @throws UserError CONFIGURATION for a wrong number. */
  exponentialBackoff<R>(options: ExponentialBackoffRetryOptions<R>): AsyncRetryStrategy<R> {
    const { maxAttempts, ifResult, ifError } = checked(options);
    const { multiplier } = options;
    if (!(multiplier >= 1)) throw wrong('multiplier', 'a number of at least 1', multiplier);
    const initialMs = positiveMs('initialDelay', options.initialDelay);
    const maxMs = positiveMs('maxDelay', options.maxDelay);
    return {
      maxAttempts,
      delayMs: (attempt) => Math.min(maxMs, initialMs * multiplier ** (attempt - 1)),
      ifResult,
      ifError,
    };
  },
} as const;

function checked<R>(options: RetryOptions<R>): RetryOptions<R> {
  const { maxAttempts, ifResult, ifError } = options;
  if (!(Number.isInteger(maxAttempts) && maxAttempts > 0))
    throw wrong('maxAttempts', 'a positive integer', maxAttempts);
  if (ifResult === undefined && ifError === undefined) {
    throw new UserError('CONFIGURATION', 'a retry strategy without condition would never try again', {
      hint: 'Give it ifResult: RetryPredicates.emptyResult, or ifError: RetryPredicates.anyError, or conditions of your own.',
    });
  }
  return options;
}

function positiveMs(name: string, duration: Duration): number {
  const delayMs = durationMs(duration);
  if (!(delayMs > 0)) throw wrong(name, 'a positive duration', delayMs);
  return delayMs;
}

function wrong(name: string, expected: string, found: unknown): UserError {
  return new UserError('CONFIGURATION', `retry strategy: expected ${name} to be ${expected}, found ${String(found)}`);
}
