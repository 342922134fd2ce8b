import type { Clock } from '../../../engine/base/environment.ts';
import type { Counter, MetricGroup } from '../../../engine/base/metrics.ts';

/** Metrics of a look-up's cache, under Flink's names. */
export class LookupMetrics {
  readonly hits: Counter;
  readonly misses: Counter;
  readonly #loads: Counter;
  readonly #failures: Counter;
  readonly #clock: Clock;
  /** Milliseconds that the last load took. */
  #latestLoadMs = 0;

  /** @param rowCount rows in the cache. */
  constructor(group: MetricGroup, clock: Clock, rowCount: () => number) {
    this.hits = group.counter('hitCount');
    this.misses = group.counter('missCount');
    this.#loads = group.counter('loadCount');
    this.#failures = group.counter('numLoadFailures');
    this.#clock = clock;
    group.gauge('latestLoadTime', () => this.#latestLoadMs);
    group.gauge('numCachedRecords', rowCount);
  }

  async measureLoad<V>(load: () => Promise<V>): Promise<V> {
    const startMs = this.#clock.monotonicMs();
    this.#loads.value++;
    try {
      return await load();
    } catch (error) {
      this.#failures.value++;
      throw error;
    } finally {
      this.#latestLoadMs = this.#clock.monotonicMs() - startMs;
    }
  }
}
