import type { Environment } from '../base/environment.ts';
import { UserError } from '../base/errors.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import { createSharedRing, type SharedRing } from '../exchange/shared-ring.ts';
import { createSharedBells } from '../exchange/thread-bell.ts';
import type { ExecutionPlan } from '../graph/execution-plan.ts';
import { graphText } from '../graph/graph-text.ts';
import type { JobGraph } from '../graph/job-graph.ts';
import type { JobOptions } from '../graph/job-options.ts';
import { placeSubtasks } from '../graph/placement.ts';
import { createSharedAlignment } from './alignment-coordinator.ts';
import type { Hosts } from './running-attempt.ts';
import type { WorkerOptions } from './runtime-options.ts';
import type { TaskHostListener } from './task-host.ts';
import { WorkerTaskHost } from './worker-task-host.ts';

const RING_BYTES = 1 << 20;

export interface WorkerHostsOptions {
  readonly environment: Environment;
  readonly metrics: MetricGroup;
  readonly listener: TaskHostListener;
  readonly workers: WorkerOptions;
  readonly jobName: string;
  readonly attempt: number;
  readonly jobOptions: Pick<JobOptions, 'parallelism' | 'maxParallelism' | 'watermarkAlignment'>;
  readonly graph: JobGraph;
  readonly plan: ExecutionPlan;
  readonly manifest: CheckpointManifest | undefined;
  readonly storageUrl: string;
  readonly storagePrefix: string;
  readonly decodedBytesMax: number;
  readonly encodedBytesMax: number;
  /** State of at least so many bytes of files is restored while it is in use: see `LazyRestore`. Infinity: none is. */
  readonly lazyRestoreBytes: number;
  readonly batchRecords: number;
}

/** @throws UserError CONFIGURATION when a job that has no module is to run on worker threads. */
export function checkWorkers({ count, jobModule }: WorkerOptions): void {
  if (!Number.isInteger(count) || count < 0)
    throw new UserError('CONFIGURATION', `workers: expected an integer from 0, found ${count}`);
  if (count > 0 && (typeof jobModule !== 'string' || !/^(file|data):/.test(jobModule))) {
    throw new UserError(
      'CONFIGURATION',
      `workers.jobModule: expected the file: address of a job module, found ${JSON.stringify(jobModule)}`,
      {
        hint: 'Functions cannot be sent to worker threads: write the job as a module that exports defineJob({ ... }) by default, or run it with 0 workers.',
      },
    );
  }
}

/**
 * Starts the worker threads of an attempt and restores their tasks.
 *
 * @throws CheckpointCorruptError when a state file is torn, UserError when the job cannot be built there; all are closed then.
 */
export async function startWorkerHosts(options: WorkerHostsOptions): Promise<Hosts> {
  const { graph, plan, workers, environment, metrics, listener } = options;
  const { workerCount, workerOf } = placeSubtasks(graph, plan, workers.count);
  const rings = new Map<number, SharedRing>();
  for (const { channelId, sourceTaskId, targetTaskId } of plan.channels)
    if (workerOf[sourceTaskId] !== workerOf[targetTaskId]) rings.set(channelId, createSharedRing(RING_BYTES));
  const shared = {
    jobModule: workers.jobModule,
    params: workers.params ?? {},
    jobName: options.jobName,
    attempt: options.attempt,
    jobOptions: options.jobOptions,
    graphText: graphText(graph),
    workerOf,
    bells: createSharedBells(workerCount),
    alignment: createSharedAlignment(graph),
    manifest: options.manifest,
    storageUrl: options.storageUrl,
    storagePrefix: options.storagePrefix,
    pageStore: workers.pageStore ?? { kind: 'heap' },
    decodedBytesMax: options.decodedBytesMax,
    encodedBytesMax: options.encodedBytesMax,
    lazyRestoreBytes: options.lazyRestoreBytes,
    batchRecords: options.batchRecords,
  } as const;
  const hosts: WorkerTaskHost[] = [];
  try {
    for (let workerIndex = 0; workerIndex < workerCount; workerIndex++) {
      const own = plan.channels.filter(
        ({ channelId, sourceTaskId, targetTaskId }) =>
          rings.has(channelId) && (workerOf[sourceTaskId] === workerIndex || workerOf[targetTaskId] === workerIndex),
      );
      const start = {
        ...shared,
        workerIndex,
        rings: new Map(own.map(({ channelId }) => [channelId, rings.get(channelId)!])),
      };
      hosts.push(new WorkerTaskHost({ environment, metrics, listener, workers, start }));
    }
    await Promise.all(hosts.map(({ built }) => built));
  } catch (error) {
    await Promise.all(hosts.map((host) => host.close()));
    throw error;
  }
  return { hosts, placement: workerOf };
}
