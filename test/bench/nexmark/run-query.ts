import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import type { MetricGroup } from '../../../engine/base/metrics.ts';
import { JobExecution } from '../../../engine/runtime/job-execution.ts';
import nexmark from '../../../jobs/nexmark/job.ts';
import { LAST_ROW_AT_MS, LAST_ROW_CPU_MS, OUTPUT_ROWS } from '../../../jobs/nexmark/counting-sink.ts';
import type { QueryName } from '../../../jobs/nexmark/queries/queries.ts';
import type { EmitMode } from '../../../jobs/nexmark/queries/query.ts';
import { FIRST_READ_AT_MS, FIRST_READ_CPU_MS } from '../../../jobs/nexmark/source/block-file-reader.ts';
import { openStorage } from '../../../state/storage/storage-url.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { RocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';
import type { EventInput } from './event-input.ts';
import { peakMemoryMb, resetPeakMemory } from './usage.ts';

const SAMPLE_MS = 50;

export interface RunOptions {
  readonly query: QueryName;
  readonly input: EventInput;
  readonly store: 'rocksdb' | 'heap';
  readonly parallelism: number;
  readonly checkpointInterval: string;
  /** Worker threads; 0: everything on this one. */
  readonly workers: number;
  readonly cacheBytes: number;
  readonly emit: EmitMode;
  /** Where rows go as Parquet. Undefined: they are counted. */
  readonly output: string | undefined;
}

export interface RunReading {
  /** From the first block read until the last row has reached the sink; with files, until they are committed. */
  readonly seconds: number;
  /** Of the whole process in that time. */
  readonly cpuSeconds: number;
  /** The run with its start and its end. */
  readonly wallSeconds: number;
  readonly peakRssMb: number;
  /** Those before the end of the input. */
  readonly checkpoints: number;
  readonly lastCheckpointMs: number;
  readonly lastCheckpointBytes: number;
  readonly outputRows: number;
}

/** Runs a query once, as a fresh job. */
export async function runQuery(options: RunOptions): Promise<RunReading> {
  const { query, input, store, output, emit, workers } = options;
  const environment = createNodeEnvironment();
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-nexmark-'));
  const params = { query, kind: input.kind, input: input.path, events: 0, tps: 100_000, seed: 1, output, emit };
  globalThis.gc?.();
  resetPeakMemory();
  const startMs = environment.clock.nowMs();
  const startCpuMs = environment.clock.cpuMs();
  try {
    const checkpoints = `file://${join(folder, 'checkpoints')}`;
    const execution = JobExecution.start({
      environment,
      jobName: nexmark.name,
      buildGraph: () => nexmark.createGraph(params, environment),
      checkpointStorage: await openStorage(environment, checkpoints),
      openPageStore: (attempt) =>
        Promise.resolve(
          store === 'heap'
            ? new HeapPageStore()
            : new RocksDbPageStore({ path: join(folder, 'state', String(attempt)) }),
        ),
      parallelism: options.parallelism,
      checkpointInterval: options.checkpointInterval,
      cacheBytes: options.cacheBytes,
      restart: { kind: 'none' },
      ...(workers === 0
        ? {}
        : {
            workers: {
              count: workers,
              jobModule: new URL('../../../jobs/nexmark/job.ts', import.meta.url).href,
              params,
              checkpoints,
              pageStore: store === 'heap' ? { kind: 'heap' } : { kind: 'rocksdb', directory: join(folder, 'state') },
            },
          }),
    });
    const sample = sampleCheckpoints(execution);
    try {
      await execution.result;
    } finally {
      sample.stop();
    }
    const endMs = environment.clock.nowMs();
    const endCpuMs = environment.clock.cpuMs();
    const metrics = execution.attemptMetrics;
    const gauges = gaugesOf(metrics);
    const peakRssMb = peakMemoryMb();
    const from = { ms: gauges.min(FIRST_READ_AT_MS) ?? startMs, cpuMs: gauges.min(FIRST_READ_CPU_MS) ?? startCpuMs };
    const to = { ms: gauges.max(LAST_ROW_AT_MS) ?? endMs, cpuMs: gauges.max(LAST_ROW_CPU_MS) ?? endCpuMs };
    return {
      seconds: (to.ms - from.ms) / 1000,
      cpuSeconds: (to.cpuMs - from.cpuMs) / 1000,
      wallSeconds: (endMs - startMs) / 1000,
      peakRssMb,
      checkpoints: Math.max(0, execution.status.checkpoints.completedCount - 1),
      lastCheckpointMs: sample.lastDurationMs,
      lastCheckpointBytes: sample.lastBytes,
      outputRows: metrics.sum(OUTPUT_ROWS),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The figures of the last checkpoint before the one that ends the job. */
function sampleCheckpoints(execution: JobExecution): {
  stop(): void;
  lastDurationMs: number;
  lastBytes: number;
} {
  const sample = { stop: () => clearInterval(timer), lastDurationMs: 0, lastBytes: 0 };
  const timer = setInterval(() => {
    const { lastDurationMs, lastBytes } = execution.status.checkpoints;
    sample.lastDurationMs = lastDurationMs;
    sample.lastBytes = lastBytes;
  }, SAMPLE_MS);
  return sample;
}

function gaugesOf(metrics: MetricGroup): {
  min(name: string): number | undefined;
  max(name: string): number | undefined;
} {
  const values = new Map<string, number[]>();
  metrics.forEach((_labels, name, value) => {
    const of = values.get(name);
    if (of === undefined) values.set(name, [value]);
    else of.push(value);
  });
  const pick = (name: string, choose: (...all: number[]) => number): number | undefined => {
    const of = values.get(name);
    return of === undefined ? undefined : choose(...of);
  };
  return { min: (name) => pick(name, Math.min), max: (name) => pick(name, Math.max) };
}
