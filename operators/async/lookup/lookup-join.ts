import { UserError } from '../../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../../engine/time/duration.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import type { StatefulOperatorOptions } from '../../stream-graph-builder.ts';
import { AsyncRetryStrategies } from '../async-retry.ts';
import { type AsyncCapacityOptions, declareAsyncWait } from '../async-wait-options.ts';
import { checkCacheOptions, type LookupCacheOptions } from './lookup-cache-options.ts';
import { isMissed, LookupFunction } from './lookup-function.ts';
import type { LookupTable } from './lookup-table.ts';

/** How often a key without rows is asked for again: the other side may come late. */
export interface LookupMissRetry {
  /** Attempts per record at most, the first included. */
  readonly maxAttempts: number;
  readonly delay: Duration;
}

interface LookupJoinBaseOptions<T, K extends Key> extends StatefulOperatorOptions, AsyncCapacityOptions {
  /** Of the stream: records under way are stored in checkpoints, and asked about again after a restore. */
  readonly schema: Schema<T>;
  /** The key to look up; undefined and null have no rows. */
  readonly keySelector: (value: T) => K | undefined | null;
  /** `unordered`: results come out as they are there; none passes a watermark. Default `ordered`. */
  readonly outputMode?: 'ordered' | 'unordered' | undefined;
  /** Default: a key without rows is an answer. */
  readonly retryOnMiss?: LookupMissRetry | undefined;
  /** Default: none. */
  readonly cache?: LookupCacheOptions | undefined;
}

export interface InnerLookupJoinOptions<T, K extends Key, V, R> extends LookupJoinBaseOptions<T, K> {
  /** Records without rows are dropped. The default. */
  readonly join?: 'inner' | undefined;
  /** Makes the result of a record and one of the rows of its key. */
  readonly result: (value: T, row: V) => R;
}

export interface LeftLookupJoinOptions<T, K extends Key, V, R> extends LookupJoinBaseOptions<T, K> {
  /** Records without rows have one result, without row. */
  readonly join: 'left';
  readonly result: (value: T, row: V | undefined) => R;
}

export type LookupJoinOptions<T, K extends Key, V, R> =
  | InnerLookupJoinOptions<T, K, V, R>
  | LeftLookupJoinOptions<T, K, V, R>;

/**
 * Declares a look-up join for a stream's `transform`.
 *
 * @throws UserError JOB_DEFINITION for a missing option or a wrong one.
 */
export function declareLookupJoin<T, K extends Key, V, R>(
  table: LookupTable<K, V>,
  options: LookupJoinOptions<T, K, V, R>,
) {
  const kind = 'lookup-join';
  const what = `${kind} '${options.name ?? options.uid ?? kind}'`;
  const { keySelector, retryOnMiss, cache, join } = options;
  for (const name of ['keySelector', 'result'] as const) {
    if (typeof options[name] !== 'function')
      throw new UserError('JOB_DEFINITION', `${what}: expected the function ${name}, found ${typeof options[name]}`);
  }
  if (cache !== undefined) checkCacheOptions(what, cache);
  if (cache?.kind === 'full' && table.scan === undefined) {
    throw new UserError('JOB_DEFINITION', `${what}: ${table.description} cannot be read whole, as a full cache does`, {
      hint: 'Give the table a method scan(), or use a partial cache.',
    });
  }
  const settings = {
    table,
    keySelector,
    isLeft: join === 'left',
    result: options.result as (value: T, row: V | undefined) => R,
    cache,
    attemptsMax: retryOnMiss?.maxAttempts ?? 1,
  };
  const retry =
    retryOnMiss === undefined
      ? undefined
      : AsyncRetryStrategies.fixedDelay<R>({
          maxAttempts: retryOnMiss.maxAttempts,
          delay: durationMs(retryOnMiss.delay),
          ifResult: isMissed,
        });
  return declareAsyncWait<T, R>(
    kind,
    () => new LookupFunction(settings),
    { ...options, retry },
    options.outputMode !== 'unordered',
  );
}
