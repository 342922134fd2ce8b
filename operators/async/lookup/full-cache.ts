import type { TimerHandle } from '../../../engine/base/environment.ts';
import { UserError } from '../../../engine/base/errors.ts';
import { durationMs } from '../../../engine/time/duration.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { FunctionContext } from '../../process/function-context.ts';
import type { FullCacheOptions } from './lookup-cache-options.ts';
import type { LookupMetrics } from './lookup-metrics.ts';
import type { LookupTable } from './lookup-table.ts';

const NO_ROWS: readonly never[] = [];

/** The whole table in memory, loaded anew every while. */
export class FullCache<K extends Key, V> {
  readonly #table: LookupTable<K, V>;
  readonly #reloadMs: number;
  readonly #metrics: LookupMetrics;
  readonly #context: FunctionContext;
  readonly #signal: AbortSignal;
  #rows = new Map<Key, V[]>();
  /** Of all keys; undefined when they differ. */
  #keyType: string | undefined;
  /** By the text of the key, once one of another type was asked for. */
  #rowsByText: Map<string, V[]> | undefined;
  #rowCount = 0;
  #timer: TimerHandle | undefined;

  /** @throws UserError JOB_DEFINITION when the table cannot be read whole. */
  constructor(
    table: LookupTable<K, V>,
    options: FullCacheOptions,
    parts: { readonly metrics: LookupMetrics; readonly context: FunctionContext; readonly signal: AbortSignal },
  ) {
    if (table.scan === undefined) {
      throw new UserError('JOB_DEFINITION', `a full cache needs a table that can be read whole: ${table.description}`, {
        hint: 'Give the table a method scan(), or use a partial cache.',
      });
    }
    this.#table = table;
    this.#reloadMs = durationMs(options.reloadInterval);
    this.#metrics = parts.metrics;
    this.#context = parts.context;
    this.#signal = parts.signal;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Loads the table for the first time. */
  async open(): Promise<void> {
    await this.#load();
    this.#reloadLater();
  }

  /** Tables give keys in types of their own: one of another type finds the rows of the same text. */
  get(key: Key): readonly V[] {
    const rows = this.#rows.get(key);
    if (rows !== undefined) return rows;
    // The text costs as much as the rest of a look-up (test/bench/operators/async.bench.ts).
    if (typeof key === this.#keyType) return NO_ROWS;
    this.#rowsByText ??= new Map([...this.#rows].map(([stored, ofKey]) => [String(stored), ofKey]));
    return this.#rowsByText.get(String(key)) ?? NO_ROWS;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #reloadLater(): void {
    if (this.#signal.aborted) return;
    this.#timer = this.#context.environment.scheduler.setTimer(this.#reloadMs, () => void this.#reload());
  }

  async #reload(): Promise<void> {
    try {
      await this.#load();
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#context.logger.warn('a look-up table could not be loaded anew; its rows from before are still in use', {
        table: this.#table.description,
        operator: this.#context.operatorName,
        error,
      });
    }
    this.#reloadLater();
  }

  async #load(): Promise<void> {
    const rows = new Map<Key, V[]>();
    let rowCount = 0;
    const startMs = this.#metrics.loading();
    try {
      for await (const [key, row] of this.#table.scan!({ signal: this.#signal })) {
        if (this.#signal.aborted) return;
        const ofKey = rows.get(key);
        if (ofKey === undefined) rows.set(key, [row]);
        else ofKey.push(row);
        rowCount++;
      }
    } catch (error) {
      this.#metrics.failed(startMs);
      throw error;
    }
    this.#metrics.loaded(startMs);
    const keyTypes = new Set<string>();
    for (const key of rows.keys()) keyTypes.add(typeof key);
    this.#rows = rows;
    this.#keyType = keyTypes.size === 1 ? [...keyTypes][0] : undefined;
    this.#rowsByText = undefined;
    this.#rowCount = rowCount;
  }
}
