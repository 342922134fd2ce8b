export const QUERIES = ['q0', 'q1', 'q2', 'q3', 'q4', 'q5', 'q7', 'q8', 'q9', 'q11', 'q13', 'q15', 'q18', 'q19', 'q20'];

export type Engine = 'tidemark' | 'flink';
export type Store = 'rocksdb' | 'heap';

/** What both engines are run with. */
export interface Setting {
  readonly query: string;
  readonly store: Store;
  readonly parallelism: number;
  readonly events: number;
}

/** One run of one engine. */
export interface RunResult extends Setting {
  readonly engine: Engine;
  readonly run: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly eventsPerCpuSecond: number;
  readonly peakRssMb: number;
  readonly checkpoints: number;
  readonly outputRows: number;
}

export function settingKey({ query, store, parallelism, events }: Setting): string {
  return `${query} ${store} ${parallelism} ${events}`;
}
