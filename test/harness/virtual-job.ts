import { VirtualEnvironment } from '../../engine/base/environment-virtual.ts';
import { describeError } from '../../engine/base/errors.ts';
import type { MemoryFileSystem } from '../../engine/base/file-system-memory.ts';
import type { Logger } from '../../engine/base/logger.ts';
import { JobExecution } from '../../engine/runtime/job-execution.ts';
import type { RuntimeOptions } from '../../engine/runtime/runtime-options.ts';
import { StreamExecutionEnvironment } from '../../operators/stream-execution-environment.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import { testParallelism } from './test-parallelism.ts';

export interface VirtualJobOptions extends Partial<Omit<RuntimeOptions, 'environment' | 'buildGraph'>> {
  /** Writes the job. Called once per attempt. */
  readonly build: (env: StreamExecutionEnvironment) => void;
  /** Default 1. Every start of a job on the same files should have another one, so that ids are unique. */
  readonly seed?: number | undefined;
  /** Files that a run before has left. */
  readonly files?: MemoryFileSystem | undefined;
  readonly startMs?: number | undefined;
  /** See `VirtualEnvironment`. */
  readonly lookMs?: number | undefined;
  /** Folder of the checkpoints. Default `/checkpoints`. */
  readonly checkpointRoot?: string | undefined;
  /** Where the job starts from when its checkpoint folder is empty. */
  readonly savepointRoot?: string | undefined;
  /** Puts something between the job and its checkpoint storage. */
  readonly wrapStorage?: ((storage: ObjectStorage, environment: VirtualEnvironment) => ObjectStorage) | undefined;
}

export interface VirtualJob {
  readonly environment: VirtualEnvironment;
  readonly files: MemoryFileSystem;
  /** As the job sees it. */
  readonly storage: ObjectStorage;
  readonly execution: JobExecution;
  /** Warnings and errors logged so far, one line each. */
  readonly log: readonly string[];
}

/** Where checkpoints are unless told otherwise. */
const CHECKPOINT_ROOT = '/checkpoints';

/**
 * Starts a job on a virtual clock, its checkpoints in files in memory. Nothing moves until the environment is told to:
 * `environment.run(execution.result)`. A job that is no longer moved has crashed; start another one on its files.
 */
export function startVirtualJob(options: VirtualJobOptions): VirtualJob {
  const {
    build,
    seed,
    files,
    startMs,
    lookMs,
    wrapStorage,
    checkpointRoot = CHECKPOINT_ROOT,
    savepointRoot,
    ...runtime
  } = options;
  const log: string[] = [];
  const environment = new VirtualEnvironment({ seed, files, startMs, lookMs, logger: recordingLogger(log) });
  const directory = new DirectoryStorage(environment, checkpointRoot);
  const storage = wrapStorage === undefined ? directory : wrapStorage(directory, environment);
  const execution = JobExecution.start({
    jobName: 'virtual-job',
    checkpointStorage: storage,
    fromSavepoint: savepointRoot === undefined ? undefined : new DirectoryStorage(environment, savepointRoot),
    openPageStore: async () => new HeapPageStore(),
    parallelism: testParallelism(),
    ...runtime,
    environment,
    buildGraph: () => {
      const env = new StreamExecutionEnvironment();
      build(env);
      return env.streamGraph();
    },
  });
  return { environment, files: environment.files, storage, execution, log };
}

function recordingLogger(log: string[]): Logger {
  const write =
    (level: string): Logger['warn'] =>
    (message, fields) => {
      const details = Object.values(fields ?? {}).map((value) =>
        value instanceof Error ? describeError(value) : String(value),
      );
      log.push([`${level}: ${message}`, ...details].join(' | '));
    };
  return { debug: () => {}, info: () => {}, warn: write('warn'), error: write('error') };
}
