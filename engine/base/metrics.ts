/** A number that only grows. A plain field, so that counting on the hot path costs one addition. */
export class Counter {
  value = 0;
}

export type Gauge = () => number;

/**
 * Named metrics of one scope (job, task, operator). Names are Flink's where the thing is the same
 * (`numRecordsIn`, `currentInputWatermark`, …); the scope labels say where.
 */
export class MetricGroup {
  readonly labels: Readonly<Record<string, string>>;
  readonly counters: Map<string, Counter> = new Map();
  readonly gauges: Map<string, Gauge> = new Map();
  readonly children: MetricGroup[] = [];

  constructor(labels: Readonly<Record<string, string>> = {}) {
    this.labels = labels;
  }

  /** Returns the counter of this name, made at the first call. */
  counter(name: string): Counter {
    let counter = this.counters.get(name);
    if (counter === undefined) {
      counter = new Counter();
      this.counters.set(name, counter);
    }
    return counter;
  }

  /** Registers or replaces a value that is read when metrics are collected. */
  gauge(name: string, gauge: Gauge): void {
    this.gauges.set(name, gauge);
  }

  child(labels: Readonly<Record<string, string>>): MetricGroup {
    const group = new MetricGroup({ ...this.labels, ...labels });
    this.children.push(group);
    return group;
  }

  /** Sum of the counters of this name in this group and below. */
  sum(name: string): number {
    let sum = this.counters.get(name)?.value ?? 0;
    for (const child of this.children) sum += child.sum(name);
    return sum;
  }

  /** Calls `visit` for each metric here and below. */
  forEach(visit: (labels: Readonly<Record<string, string>>, name: string, value: number) => void): void {
    for (const [name, counter] of this.counters) visit(this.labels, name, counter.value);
    for (const [name, gauge] of this.gauges) visit(this.labels, name, gauge());
    for (const child of this.children) child.forEach(visit);
  }
}
