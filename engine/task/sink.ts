import type { Environment } from '../base/environment.ts';
import type { Logger } from '../base/logger.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { RowKind } from './row-kind.ts';
import type { Json } from './source.ts';

/**
 * Where results go, exactly once. Per checkpoint a writer hands over committables: JSON that names what it has prepared
 * (files, staged records). They are stored in the manifest; when the checkpoint is complete the committer makes them
 * visible. After a crash they are committed again from the manifest, so a commit must be idempotent.
 */
export interface Sink<T> {
  /** For messages and metrics: `parquet s3://lake/clicks`. */
  readonly description: string;
  createWriter(context: SinkContext): SinkWriter<T> | Promise<SinkWriter<T>>;
  /** Absent: nothing to commit (at-least-once sinks, low-latency modes). One committer per sink and job. */
  createCommitter?(context: SinkContext): Committer | Promise<Committer>;
}

export interface SinkContext {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly metrics: MetricGroup;
  readonly jobName: string;
  readonly sinkUid: string;
  /** Of the writer; 0 for the committer. */
  readonly subtaskIndex: number;
  readonly parallelism: number;
  /** Rises with every attempt (start or restart) of the job: goes into names, so that a dead attempt's files never clash. */
  readonly attempt: number;
  /** Durable storage for staged data, below the checkpoint folder; shared by all sinks, so use `sinkUid` in keys. */
  readonly storage: ObjectStorage;
  /** Key prefix inside `storage` that belongs to this sink. */
  readonly storagePrefix: string;
}

export interface SinkWriter<T> {
  write(value: T, timestampMs: number, kind: RowKind): void;
  /** Undefined while the writer can take more; else resolves when it can. Asked between batches. */
  blockedUntil?(): Promise<void> | undefined;
  /**
   * Ends the epoch: what was written since the last call belongs to this checkpoint. The call itself only cuts; the
   * promise closes, uploads or stages while new records already go to the next epoch.
   *
   * @param isFull true for savepoints: nothing may be held over in `snapshotState` that lies in `SinkContext.storage`.
   */
  prepareCommit(checkpointId: number, isFull?: boolean): Promise<readonly Json[]>;
  /** Writer state that is carried over the checkpoint (rows held for a larger file). */
  snapshotState?(checkpointId: number): readonly Json[];
  /** State of all writers of the restored checkpoint that fall to this subtask. Called before the first write. */
  restoreState?(states: readonly Json[]): void;
  /** Sends what is buffered; for sinks that do not wait for a checkpoint. */
  flush?(): Promise<void>;
  close(): Promise<void>;
}

export interface Committer {
  /**
   * Makes the committables of one completed checkpoint visible, at once if the target can. Called in order of
   * checkpoints; again for the same one after a crash or a retryable error. A repeated commit changes nothing.
   *
   * @throws ExternalError retryable: tried again with growing delay; anything else fails the job.
   */
  commit(checkpointId: number, committables: readonly Json[]): Promise<void>;
  close(): Promise<void>;
}
