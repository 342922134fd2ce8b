import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { StatefulOperatorOptions } from '../stream-graph-builder.ts';
import type { AsyncFunction } from './async-function.ts';
import type { AsyncRetryStrategy } from './async-retry.ts';
import { AsyncWaitOperator } from './async-wait-operator.ts';

/** Flink's default. */
export const DEFAULT_CAPACITY = 100;

export interface AsyncCapacityOptions {
  /** Records and watermarks under way at most, per subtask. Default 100. */
  readonly capacity?: number | undefined;
  /** How long all attempts of a record together may take, in processing time. Default: as long as it takes. */
  readonly timeout?: Duration | undefined;
}

export interface AsyncWaitOptions<T, R> extends StatefulOperatorOptions, AsyncCapacityOptions {
  /** Of the input: records under way are stored in checkpoints, and asked about again after a restore. */
  readonly schema: Schema<T>;
  /** Default: one attempt. */
  readonly retry?: AsyncRetryStrategy<R> | undefined;
}

/**
 * Declares an async operator for a stream's `transform`.
 *
 * @param createFn called once per subtask.
 * @throws UserError JOB_DEFINITION for a missing schema or a wrong number.
 */
export function declareAsyncWait<T, R>(
  kind: string,
  createFn: () => AsyncFunction<T, R>,
  options: AsyncWaitOptions<T, R>,
  isOrdered: boolean,
) {
  const { schema, capacity = DEFAULT_CAPACITY, timeout, retry } = options;
  const name = options.name ?? options.uid ?? kind;
  const refuse = (what: string, hint?: string): never => {
    throw new UserError('JOB_DEFINITION', `${kind} '${name}': ${what}`, { hint });
  };
  if (schema === undefined)
    refuse('expected the schema of its input', 'Pass { schema: … }: records under way are part of every checkpoint.');
  if (!(Number.isInteger(capacity) && capacity > 0))
    refuse(`expected capacity to be a positive integer, found ${capacity}`);
  const timeoutMs = timeout === undefined ? undefined : durationMs(timeout);
  if (timeoutMs !== undefined && !(timeoutMs > 0))
    refuse(`expected timeout to be positive, found ${timeoutMs} ms`, 'Leave it out to wait as long as it takes.');
  const settings = { schema, isOrdered, capacity, timeoutMs, retry };
  return {
    kind,
    options,
    isStateful: true,
    startsChain: true,
    factory: () => new AsyncWaitOperator<T, R>({ ...settings, fn: createFn() }),
  };
}
