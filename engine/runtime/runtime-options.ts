import type { Environment } from '../base/environment.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { PageStore } from '../../state/store/page-store.ts';
import type { JobOptions } from '../graph/job-options.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';

/** Everything a job needs to run on this thread. */
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
  /** Share of the cache for decoded pages. Default 0.25. */
  readonly decodedCacheShare?: number | undefined;
  /** Start from this savepoint; only when the job has no checkpoint of its own yet. */
  readonly fromSavepoint?: ObjectStorage | undefined;
  /** Drop state of operators that the job no longer has. Default false. */
  readonly allowNonRestoredState?: boolean | undefined;
  /** Records per batch between tasks. Default 1024. */
  readonly batchRecords?: number | undefined;
}

export const CACHE_BYTES_DEFAULT: number = 256 * 1024 * 1024;
export const DECODED_CACHE_SHARE_DEFAULT = 0.25;
