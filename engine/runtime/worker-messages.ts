import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import type { Barrier } from '../exchange/control-element.ts';
import type { SharedRing } from '../exchange/shared-ring.ts';
import type { SharedBells } from '../exchange/thread-bell.ts';
import type { JobOptions } from '../graph/job-options.ts';
import type { TaskAcknowledgement } from '../checkpoint/assemble-manifest.ts';
import type { Json } from '../task/source.ts';
import type { SharedPositions } from '../time/shared-alignment-group.ts';
import type { SentError } from './error-transfer.ts';
import type { SentLog } from './log-transfer.ts';
import type { SentMetrics } from './metric-mirror.ts';
import type { WorkerPageStore } from './runtime-options.ts';
import type { HostedOperator, StateContent, StateRead } from './state-read.ts';
import type { SourceEvent, StoredCheckpoint, WaitingTask } from './task-host.ts';

/** What a worker thread starts with. */
export interface WorkerStart {
  readonly workerIndex: number;
  readonly jobName: string;
  readonly attempt: number;
  /** Address of the job's module, and what it is built with. */
  readonly jobModule: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly jobOptions: Pick<JobOptions, 'parallelism' | 'maxParallelism' | 'watermarkAlignment'>;
  /** What the main thread has built; see `graphText`. */
  readonly graphText: string;
  /** Index of the worker, by task id. */
  readonly workerOf: readonly number[];
  /** The channels between this worker and others, by channel id. */
  readonly rings: ReadonlyMap<number, SharedRing>;
  /** One for each worker. */
  readonly bells: SharedBells;
  readonly alignment: readonly SharedPositions[];
  readonly manifest: CheckpointManifest | undefined;
  readonly storageUrl: string;
  readonly storagePrefix: string;
  readonly pageStore: WorkerPageStore;
  readonly decodedBytesMax: number;
  readonly encodedBytesMax: number;
  /** State of at least so many bytes of files is restored while it is in use: see `LazyRestore`. Infinity: none is. */
  readonly lazyRestoreBytes: number;
  readonly batchRecords: number;
}

/** What the main thread tells a worker; see `TaskHost`. */
export type ToWorker =
  | { readonly kind: 'open' }
  | { readonly kind: 'start' }
  | { readonly kind: 'checkpoint'; readonly barrier: Barrier }
  | { readonly kind: 'checkpoint-complete'; readonly checkpointId: number }
  | { readonly kind: 'source'; readonly taskId: number; readonly event: SourceEvent }
  | { readonly kind: 'drain' }
  | {
      readonly kind: 'read';
      readonly requestId: number;
      readonly taskId: number;
      readonly read: StateRead;
      /** Set: what this checkpoint holds; else what is there now. */
      readonly stored: StoredCheckpoint | undefined;
    }
  | { readonly kind: 'close' };

/** What a worker tells the main thread. */
export type FromWorker =
  | TaskMessage
  /** The tasks are restored. */
  | { readonly kind: 'built' }
  | { readonly kind: 'opened'; readonly operators: readonly HostedOperator[] }
  /** The tasks could not be restored or opened. */
  | { readonly kind: 'refused'; readonly error: SentError }
  /** Nobody has caught this: the thread ends. */
  | { readonly kind: 'died'; readonly error: SentError }
  | {
      readonly kind: 'answer';
      readonly requestId: number;
      readonly content?: StateContent | undefined;
      readonly error?: SentError | undefined;
    }
  | { readonly kind: 'log'; readonly log: SentLog }
  | ({ readonly kind: 'report' } & WorkerReport)
  | { readonly kind: 'closed' };

/** What the tasks of a worker tell the attempt; see `TaskHostListener`. */
export type TaskMessage =
  | { readonly kind: 'snapshot-started'; readonly taskId: number }
  | {
      readonly kind: 'snapshot-ended';
      readonly taskId: number;
      readonly checkpointId: number;
      readonly acknowledgement?: TaskAcknowledgement | undefined;
      readonly error?: SentError | undefined;
    }
  | { readonly kind: 'finished'; readonly taskId: number }
  | { readonly kind: 'failed'; readonly error: SentError }
  | { readonly kind: 'split-request'; readonly sourceUid: string; readonly subtaskIndex: number }
  | {
      readonly kind: 'reader-event';
      readonly sourceUid: string;
      readonly subtaskIndex: number;
      readonly event: Json;
    };

/** How a worker is doing: sent a few times a second, and whenever the numbers must be exact. */
export interface WorkerReport {
  readonly metrics: SentMetrics;
  readonly watermarkMs: number;
  /** Tasks that align a checkpoint, with the channels they still wait for. */
  readonly waiting: readonly WaitingTask[];
}
