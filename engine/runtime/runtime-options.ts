import type { ResourceLimits, Worker } from 'node:worker_threads';
import type { Environment } from '../base/environment.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { PageStore } from '../../state/store/page-store.ts';
import type { JobOptions } from '../graph/job-options.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';

/** Everything a job needs to run. */
export interface RuntimeOptions extends JobOptions {
  readonly environment: Environment;
  readonly jobName: string;
  /** Which part of a job that is cut into shards. Default `0`. */
  readonly shard?: string | undefined;
  /** Builds the stream graph; called once per attempt, so that sources and sinks start afresh. */
  readonly buildGraph: () => StreamGraph;
  /** Where checkpoints and staged results go. */
  readonly checkpointStorage: ObjectStorage;
  /** Opens the working store of an attempt, empty. */
  readonly openPageStore: (attempt: number) => Promise<PageStore>;
  /** Bytes for the page caches of all keyed operators together. Default 256 MiB. */
  readonly cacheBytes?: number | undefined;
  /**
   * An operator's state of at least so many bytes of files is restored while records are processed already. Default 64 MiB;
   * Infinity: all is restored before the first record.
   */
  readonly lazyRestoreBytes?: number | undefined;
  /** Share of the cache for decoded pages. Default 0.25. */
  readonly decodedCacheShare?: number | undefined;
  /** Start from this savepoint; only when the job has no checkpoint of its own yet. */
  readonly fromSavepoint?: ObjectStorage | undefined;
  /** Drop state of operators that the job no longer has. Default false. */
  readonly allowNonRestoredState?: boolean | undefined;
  /** Records per batch between tasks. Default 1024. */
  readonly batchRecords?: number | undefined;
  /** Run the tasks on threads of their own. Default: on this thread. Only in the real world: clocks and disks of tests stay here. */
  readonly workers?: WorkerOptions | undefined;
}

/**
 * Worker threads. Each imports the job's module and builds the same graph, because functions cannot be sent to a thread; so
 * `buildGraph` must build what the module builds with `params`. Only sinks' committers and split enumerators stay on the
 * thread that started the job.
 */
export interface WorkerOptions {
  /** At most so many; no more are started than the largest parallelism. 0: everything runs on this thread. */
  readonly count: number;
  /** `file:` address of a module that exports the job by default. */
  readonly jobModule: string;
  /** What the job is built with: plain data. Default none. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** Address by which the workers open checkpoint storage. Default: that of `checkpointStorage`. */
  readonly checkpoints?: string | undefined;
  /** The working store of each worker. Default: on the heap. */
  readonly pageStore?: WorkerPageStore | undefined;
  /** How long a worker may take to close before it is ended, milliseconds. Default 10,000. */
  readonly closeMsMax?: number | undefined;
  /** For tests: sees every worker that is started. */
  readonly onStart?: ((worker: Worker, index: number) => void) | undefined;
  /** Limits of each worker's memory. Default: Node's. */
  readonly resourceLimits?: ResourceLimits | undefined;
}

/** Each worker gets a folder of its own: `<directory>-<attempt modulo 2>-worker-<index>`. */
export type WorkerPageStore =
  | { readonly kind: 'heap' }
  | {
      readonly kind: 'rocksdb';
      readonly directory: string;
      /** See `RocksDbPageStoreOptions`. */
      readonly writeBufferBytes?: number | undefined;
    };

export const CACHE_BYTES_DEFAULT: number = 256 * 1024 * 1024;
export const DECODED_CACHE_SHARE_DEFAULT = 0.25;
export const LAZY_RESTORE_BYTES_DEFAULT: number = 64 * 1024 * 1024;
