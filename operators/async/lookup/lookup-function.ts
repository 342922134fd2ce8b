import { UserError } from '../../../engine/base/errors.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { FunctionContext } from '../../process/function-context.ts';
import type { AsyncContext, AsyncFunction } from '../async-function.ts';
import { FullCache } from './full-cache.ts';
import type { LookupCacheOptions } from './lookup-cache-options.ts';
import { LookupMetrics } from './lookup-metrics.ts';
import type { LookupContext, LookupTable } from './lookup-table.ts';
import { PartialCache } from './partial-cache.ts';

export interface LookupSettings<T, K extends Key, V, R> {
  readonly table: LookupTable<K, V>;
  /** Undefined and null match no row. */
  readonly keySelector: (value: T) => K | undefined | null;
  readonly isLeft: boolean;
  readonly result: (value: T, row: V | undefined) => R;
  readonly cache: LookupCacheOptions | undefined;
  /** Attempts per record, as long as there is no row; 1: no retry. */
  readonly attemptsMax: number;
}

/** Results of a record whose key has no row yet: they stand when it is not tried again. */
class MissedResults<R> extends Array<R> {}

/** Whether results ask for another attempt. */
export function isMissed(results: readonly unknown[]): boolean {
  return results instanceof MissedResults;
}

const NO_ROWS: readonly never[] = [];

/** Finds the rows of a record's key, in the cache or in the table, and joins. One per subtask. */
export class LookupFunction<T, K extends Key, V, R> implements AsyncFunction<T, R> {
  readonly #settings: LookupSettings<T, K, V, R>;
  readonly #canceled = new AbortController();
  readonly #lookupContext: LookupContext = { signal: this.#canceled.signal };
  /** Under way: whoever asks for the same key gets the same answer. */
  readonly #loads = new Map<K, Promise<readonly V[]>>();
  #metrics: LookupMetrics = undefined as never;
  #partial: PartialCache<V> | undefined;
  #full: FullCache<K, V> | undefined;
  #isTableOpen = false;

  constructor(settings: LookupSettings<T, K, V, R>) {
    this.#settings = settings;
  }

  async open(context: FunctionContext): Promise<void> {
    const { table, cache } = this.#settings;
    const { clock } = context.environment;
    const { signal } = this.#canceled;
    this.#metrics = new LookupMetrics(context.metrics, clock, () => (this.#partial ?? this.#full)?.rowCount ?? 0);
    if (cache?.kind === 'partial') this.#partial = new PartialCache(cache, clock);
    if (cache?.kind === 'full') this.#full = new FullCache(table, cache, { metrics: this.#metrics, context, signal });
    await table.open?.(context);
    this.#isTableOpen = true;
    await this.#full?.open();
  }

  asyncInvoke(value: T, { attempt }: AsyncContext): Promise<readonly R[]> | readonly R[] {
    const key = this.#settings.keySelector(value);
    if (key === undefined || key === null) return this.#join(value, NO_ROWS);
    if (this.#full !== undefined) return this.#answer(value, this.#counted(this.#full.get(key)));
    const cached = this.#partial?.get(key);
    // That a key has no rows is kept when the last attempt has found none, so a cached miss is not tried again.
    if (cached !== undefined) {
      this.#metrics.hits.value++;
      return this.#join(value, cached);
    }
    this.#metrics.misses.value++;
    return this.#load(key).then((rows) => {
      if (rows.length === 0 && attempt >= this.#settings.attemptsMax) this.#partial?.set(key, rows);
      return this.#answer(value, rows);
    });
  }

  async close(): Promise<void> {
    this.#canceled.abort(new UserError('CANCELED', 'the operator was closed'));
    this.#full?.close();
    if (this.#isTableOpen) await this.#settings.table.close?.();
  }

  #counted(rows: readonly V[]): readonly V[] {
    if (rows.length > 0) this.#metrics.hits.value++;
    else this.#metrics.misses.value++;
    return rows;
  }

  #load(key: K): Promise<readonly V[]> {
    let load = this.#loads.get(key);
    if (load === undefined) {
      load = this.#ask(key);
      this.#loads.set(key, load);
    }
    return load;
  }

  #ask(key: K): Promise<readonly V[]> {
    const startMs = this.#metrics.loading();
    return this.#settings.table.lookup(key, this.#lookupContext).then(
      (rows) => {
        this.#loads.delete(key);
        this.#metrics.loaded(startMs);
        if (rows.length > 0) this.#partial?.set(key, rows);
        return rows;
      },
      (error: unknown) => {
        this.#loads.delete(key);
        this.#metrics.failed(startMs);
        throw error;
      },
    );
  }

  #answer(value: T, rows: readonly V[]): readonly R[] {
    const results = this.#join(value, rows);
    return rows.length > 0 || this.#settings.attemptsMax === 1 ? results : MissedResults.from(results);
  }

  #join(value: T, rows: readonly V[]): readonly R[] {
    const { isLeft, result } = this.#settings;
    if (rows.length === 0) return isLeft ? [result(value, undefined)] : NO_ROWS;
    if (rows.length === 1) return [result(value, rows[0])];
    return rows.map((row) => result(value, row));
  }
}
