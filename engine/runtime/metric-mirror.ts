import type { Clock } from '../base/environment.ts';
import type { Counter, Gauge, MetricGroup } from '../base/metrics.ts';

/** The metrics of a thread at one time, for another thread: what is new, and all values. */
export interface SentMetrics {
  /** Metrics that were not sent before; their ids follow on from those before. */
  readonly added: readonly SentMetric[];
  /** By id. */
  readonly values: Float64Array<ArrayBuffer>;
}

interface SentMetric {
  /** Of the group; those of one group come with the same number. */
  readonly group: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly name: string;
  readonly isCounter: boolean;
}

interface SeenGroup {
  readonly id: number;
  readonly names: Set<string>;
}

/** Reading gauges takes at most one part in so many of the time: some count what there is of something. */
const GAUGE_SHARE = 200;

/** Reads the metrics of this thread, again and again. */
export class MetricSender {
  readonly #root: MetricGroup;
  readonly #clock: Clock;
  readonly #groups = new Map<MetricGroup, SeenGroup>();
  readonly #reads: { readonly isCounter: boolean; readonly read: Gauge }[] = [];
  #added: SentMetric[] = [];
  #values = new Float64Array();
  #gaugesDueMs = -Infinity;

  constructor(root: MetricGroup, clock: Clock) {
    this.#root = root;
    this.#clock = clock;
  }

  /** Counters as they are now; gauges too if `isExact`, else as they were a moment ago. */
  take(isExact: boolean): SentMetrics {
    this.#added = [];
    this.#visit(this.#root);
    const before = this.#values;
    const values = new Float64Array(this.#reads.length);
    const startMs = this.#clock.monotonicMs();
    const areGaugesDue = isExact || startMs >= this.#gaugesDueMs;
    for (let i = 0; i < values.length; i++) {
      const { isCounter, read } = this.#reads[i]!;
      values[i] = isCounter || areGaugesDue || i >= before.length ? read() : before[i]!;
    }
    if (areGaugesDue) {
      const nowMs = this.#clock.monotonicMs();
      this.#gaugesDueMs = nowMs + GAUGE_SHARE * (nowMs - startMs);
    }
    this.#values = values;
    return { added: this.#added, values };
  }

  #visit(group: MetricGroup): void {
    let seen = this.#groups.get(group);
    if (seen === undefined) {
      seen = { id: this.#groups.size, names: new Set() };
      this.#groups.set(group, seen);
    }
    if (seen.names.size < group.counters.size + group.gauges.size) {
      for (const [name, counter] of group.counters) this.#add(group, seen, name, true, () => counter.value);
      // Looked up each time: a gauge may be replaced.
      for (const name of group.gauges.keys())
        this.#add(group, seen, name, false, () => readGauge(group.gauges.get(name)!));
    }
    for (const child of group.children) this.#visit(child);
  }

  #add(group: MetricGroup, seen: SeenGroup, name: string, isCounter: boolean, read: Gauge): void {
    const key = `${isCounter} ${name}`;
    if (seen.names.has(key)) return;
    seen.names.add(key);
    this.#reads.push({ isCounter, read });
    this.#added.push({ group: seen.id, labels: group.labels, name, isCounter });
  }
}

/** A gauge of the job that throws must not end the thread: NaN then. */
function readGauge(gauge: Gauge): number {
  try {
    return Number(gauge());
  } catch {
    return Number.NaN;
  }
}

/** The metrics of another thread below a group of this one, as they were sent last. */
export class MetricMirror {
  readonly #root: MetricGroup;
  readonly #groups = new Map<number, MetricGroup>();
  readonly #counters: (Counter | undefined)[] = [];
  #values = new Float64Array();

  constructor(root: MetricGroup) {
    this.#root = root;
  }

  update({ added, values }: SentMetrics): void {
    this.#values = values;
    for (const { group: id, labels, name, isCounter } of added) {
      let group = this.#groups.get(id);
      if (group === undefined) {
        group = this.#root.child(labels);
        this.#groups.set(id, group);
      }
      const index = this.#counters.length;
      this.#counters.push(isCounter ? group.counter(name) : undefined);
      if (!isCounter) group.gauge(name, () => this.#values[index]!);
    }
    for (let i = 0; i < this.#counters.length; i++) {
      const counter = this.#counters[i];
      if (counter !== undefined) counter.value = values[i]!;
    }
  }
}
