import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import type { Environment } from '../../../engine/base/environment.ts';
import { JobExecution } from '../../../engine/runtime/job-execution.ts';
import type { Source } from '../../../engine/task/source.ts';
import { WatermarkStrategy } from '../../../engine/time/watermark-strategy.ts';
import { type AttributionStreams, attributionStreams } from '../../../jobs/attribution/attribution-streams.ts';
import { createCatalog } from '../../../jobs/attribution/catalog.ts';
import type { RawRecord } from '../../../jobs/attribution/raw-record.ts';
import type { AttributionRules } from '../../../jobs/attribution/rules.ts';
import type { SourceName } from '../../../jobs/attribution/schemas.ts';
import type { JobRows } from '../../../jobs/attribution/scorer.ts';
import { simulatorSource } from '../../../jobs/simulator/simulator-source.ts';
import { type Simulator, STREAMS } from '../../../jobs/simulator/simulator.ts';
import type { DataStream } from '../../../operators/data-stream.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { StreamExecutionEnvironment } from '../../../operators/stream-execution-environment.ts';
import { DirectoryStorage } from '../../../state/storage/directory-storage.ts';
import type { PageStore } from '../../../state/store/page-store.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';

export const OUTPUTS = [
  'impressions',
  'bidRequests',
  'joinedClicks',
  'attributions',
  'unmatched',
  'duplicates',
  'quarantined',
  'late',
] as const satisfies readonly (keyof JobRows & keyof AttributionStreams)[];

export interface EngineRunOptions {
  readonly simulator: Simulator;
  readonly rules: AttributionRules;
  readonly durationMs: number;
  readonly parallelism?: number | undefined;
  readonly cacheBytes?: number | undefined;
  /** The job fails, once each, when it has read this many impressions since its last failure. */
  readonly failAfter?: readonly number[] | undefined;
  /** Default: a virtual one. */
  readonly environment?: Environment | undefined;
  /** Default: on the heap. */
  readonly openPageStore?: (() => Promise<PageStore>) | undefined;
  /** Default: the simulator in process. */
  readonly createSource?: ((stream: SourceName) => Source<RawRecord>) | undefined;
}

export interface EngineRunResult {
  readonly rows: JobRows;
  readonly checkpointCount: number;
  readonly restartCount: number;
  /** Largest size of the keyed state at any checkpoint, as its files hold it. */
  readonly stateBytesMax: number;
}

/** Seconds of the world per second of the virtual clock. */
const SPEED = 10;

/** Runs the job's graph on the engine, in memory, to the end of the range; returns what its sinks have committed. */
export async function engineRun(options: EngineRunOptions): Promise<EngineRunResult> {
  const virtual = new VirtualEnvironment();
  const environment = options.environment ?? virtual;
  const collected = new Map<string, CollectedRows<unknown>>(OUTPUTS.map((name) => [name, new CollectedRows()]));
  const failures = [...(options.failAfter ?? [])];
  const execution = JobExecution.start({
    environment,
    jobName: 'attribution',
    buildGraph: () => buildGraph(options, collected, failures),
    checkpointStorage: new DirectoryStorage(virtual, 'checkpoints'),
    openPageStore: options.openPageStore ?? (async () => new HeapPageStore()),
    parallelism: options.parallelism ?? 1,
    checkpointInterval: '500ms',
    restart: { kind: 'fixed-delay', attempts: 100, delay: 100 },
    cacheBytes: options.cacheBytes,
  });
  let stateBytesMax = 0;
  void watchState(environment, execution, (bytes) => void (stateBytesMax = Math.max(stateBytesMax, bytes)));
  await (environment instanceof VirtualEnvironment ? environment.run(execution.result) : execution.result);
  return {
    rows: Object.fromEntries([...collected].map(([name, rows]) => [name, rows.values()])) as unknown as JobRows,
    checkpointCount: execution.status.checkpoints.completedCount,
    restartCount: execution.status.restartCount,
    stateBytesMax,
  };
}

async function watchState(
  environment: Environment,
  execution: JobExecution,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let lastSeen = 0;
  while (!['finished', 'failed', 'canceled'].includes(execution.status.state)) {
    await environment.scheduler.delay(50);
    const { completedCount } = execution.status.checkpoints;
    if (completedCount === lastSeen || execution.status.state !== 'running') continue;
    lastSeen = completedCount;
    const completed = await execution.triggerCheckpoint().catch(() => undefined);
    const files = Object.values(completed?.manifest.operators ?? {}).flatMap(({ subtasks }) =>
      subtasks.flatMap(({ keyedFiles }) => keyedFiles),
    );
    onBytes(files.reduce((sum, file) => sum + file.bytes, 0));
  }
}

function buildGraph(
  { simulator, rules, durationMs, createSource }: EngineRunOptions,
  collected: ReadonlyMap<string, CollectedRows<unknown>>,
  failures: number[],
) {
  const env = new StreamExecutionEnvironment();
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<RawRecord>(rules.latenessMs);
  const [impressions, clicksConversions, bidRequests] = STREAMS.map((stream) =>
    env.fromSource(
      createSource?.(stream) ??
        (simulatorSource(simulator, stream, { durationMs, speed: SPEED }) as unknown as Source<RawRecord>),
      stream,
      strategy,
    ),
  ) as [DataStream<RawRecord>, DataStream<RawRecord>, DataStream<RawRecord>];
  let readCount = 0;
  const failing = impressions.map((record) => {
    readCount++;
    if (readCount !== failures[0]) return record;
    failures.shift();
    throw new Error('injected failure');
  });
  const inputs = { impressions: failing, clicksConversions, bidRequests };
  const streams = attributionStreams(inputs, createCatalog(simulator.catalog()), rules);
  for (const name of OUTPUTS) {
    const stream = streams[name] as DataStream<unknown>;
    stream.sinkTo(collectSink({ into: collected.get(name)! }), { uid: `collect-${name}` });
  }
  return env.streamGraph();
}
