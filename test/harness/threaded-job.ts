import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { describeError } from '../../engine/base/errors.ts';
import type { LogFields, Logger } from '../../engine/base/logger.ts';
import type { JobDefinition } from '../../engine/graph/job-definition.ts';
import { JobExecution } from '../../engine/runtime/job-execution.ts';
import type { RuntimeOptions, WorkerOptions } from '../../engine/runtime/runtime-options.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';

export interface ThreadedJobOptions extends Partial<Omit<RuntimeOptions, 'environment' | 'buildGraph' | 'workers'>> {
  /** As the module exports it. */
  readonly job: JobDefinition<never>;
  /** `file:` address of the module. */
  readonly module: URL;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  readonly workers: number;
  readonly workerOptions?: Partial<WorkerOptions> | undefined;
  /** Folder of the checkpoints; empty for a job that starts anew. */
  readonly folder: string;
}

export interface ThreadedJob {
  readonly execution: JobExecution;
  /** What was logged, one line each. */
  readonly log: readonly string[];
  /** Waits until something is so; rejects when the job fails before. */
  readonly until: (isSo: () => boolean) => Promise<void>;
}

/** Starts a job in the real world, on this thread or on worker threads. */
export function startThreadedJob(options: ThreadedJobOptions): ThreadedJob {
  const { job, module, params: given = {}, workers, workerOptions, folder, ...runtime } = options;
  const log: string[] = [];
  const environment = createNodeEnvironment({ logger: recordingLogger(log) });
  const params = parsedParams(job, given);
  const execution = JobExecution.start({
    jobName: job.name,
    checkpointStorage: new DirectoryStorage(environment, folder),
    openPageStore: async () => new HeapPageStore(),
    restart: { kind: 'fixed-delay', attempts: 3, delay: 10 },
    ...runtime,
    environment,
    buildGraph: () => job.createGraph(params as never, environment),
    workers: { count: workers, jobModule: module.href, params, ...workerOptions },
  });
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await Promise.race([environment.scheduler.delay(5), execution.result]);
  };
  return { execution, log, until };
}

function parsedParams(job: JobDefinition<never>, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const types = job.params as JobDefinition['params'];
  return Object.fromEntries(Object.entries(types).map(([name, type]) => [name, type.parse(given[name])]));
}

function recordingLogger(log: string[]): Logger {
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      const details = Object.values(fields).map((value) =>
        value instanceof Error ? describeError(value) : String(value),
      );
      log.push([`${level}: ${message}`, ...details].join(' | '));
    };
  return { debug: () => {}, info: write('info'), warn: write('warn'), error: write('error') };
}
