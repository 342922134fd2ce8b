import type { StateFile } from '../../state/snapshot/state-file.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { Json } from '../task/source.ts';

/**
 * A checkpoint, complete: `<job>/<shard>/chk-<id>-<attempt>.json` in checkpoint storage. Put with if-absent when
 * every task has acknowledged; the swap of the pointer `latest` to it is the commit. Everything a restore needs is named here.
 */
export interface CheckpointManifest {
  readonly format: 1;
  readonly kind: 'checkpoint' | 'savepoint';
  readonly jobName: string;
  readonly shard: string;
  readonly checkpointId: number;
  /** Number of the attempt that wrote it; also fences older attempts. */
  readonly attempt: number;
  readonly triggeredAtMs: number;
  readonly completedAtMs: number;
  /** True when every source had ended: nothing is left to run. */
  readonly isFinal: boolean;
  /** State by operator uid. */
  readonly operators: Readonly<Record<string, OperatorSnapshot>>;
  /**
   * What sinks prepared and may not have committed yet, of this checkpoint and of earlier ones, by sink uid. Committed
   * again on restore, in order of checkpoint ids.
   */
  readonly pendingCommits: readonly PendingCommit[];
}

/** A manifest with where it is. */
export interface FoundCheckpoint {
  readonly manifest: CheckpointManifest;
  /** Where its state files are. */
  readonly storage: ObjectStorage;
  /** Address of the manifest. */
  readonly where: string;
}

export interface PendingCommit {
  readonly sinkUid: string;
  readonly checkpointId: number;
  readonly committables: readonly Json[];
}

export interface OperatorSnapshot {
  readonly uid: string;
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** Descriptions of the keyed states (name, kind, Avro schemas), to check compatibility before a job starts. */
  readonly keyedStates: readonly KeyedStateDescription[];
  readonly subtasks: readonly SubtaskSnapshot[];
  /** Sources only: the enumerator's state. */
  readonly enumerator?: Json | undefined;
}

export interface KeyedStateDescription {
  readonly name: string;
  readonly kind: 'value' | 'list' | 'map' | 'reducing' | 'aggregating';
  readonly keySchema?: Json | undefined;
  readonly schema: Json;
}

export interface SubtaskSnapshot {
  readonly subtaskIndex: number;
  /** Its inputs had ended and it had emitted everything: it is not run again. */
  readonly isFinished?: boolean | undefined;
  /** Keyed state and timers, oldest file first. */
  readonly keyedFiles: readonly StateFile[];
  /** Operator state: entries are base64 of the encoded elements. */
  readonly operatorStates: readonly OperatorStateSnapshot[];
  /** Sources only: the reader's splits with their positions. */
  readonly splits?: readonly Json[] | undefined;
  /** Sinks only: the writer's own state. */
  readonly writerStates?: readonly Json[] | undefined;
}

export interface OperatorStateSnapshot {
  readonly name: string;
  readonly mode: 'list' | 'union' | 'broadcast';
  readonly schema: Json;
  readonly entries: readonly string[];
}

/** The object `<job>/<shard>/latest`: swapped with If-Match at every commit and at every start of an attempt. */
export interface LatestPointer {
  readonly format: 1;
  readonly attempt: number;
  /** Id of the claim that wrote it: tells a swap of our own, whose answer was lost, from one of another attempt. */
  readonly owner?: string | undefined;
  /** Undefined until the first checkpoint is complete. */
  readonly checkpointId?: number | undefined;
  /** The newest complete checkpoints, newest first: where recovery falls back to when the newest is corrupt. */
  readonly retained: readonly RetainedCheckpoint[];
}

/** Names a manifest: its attempt is part of the name, so that what a dead attempt has left is in nobody's way. */
export interface RetainedCheckpoint {
  readonly checkpointId: number;
  readonly attempt: number;
}
