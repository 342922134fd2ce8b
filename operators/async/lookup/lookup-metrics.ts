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

  /** A load begins. Returns when, for `loaded`. */
  loading(): number {
    this.#loads.value++;
    return this.#clock.monotonicMs();
  }

  loaded(startMs: number): void {
    this.#latestLoadMs = this.#clock.monotonicMs() - startMs;
  }

  failed(startMs: number): void {
    this.#failures.value++;
    this.loaded(startMs);
  }
}
