import type { TaskAcknowledgement } from '../checkpoint/assemble-manifest.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import type { Barrier } from '../exchange/control-element.ts';
import type { Json, SourceSplit } from '../task/source.ts';
import type { HostedOperator, StateContent, StateRead } from './state-read.ts';

/**
 * The tasks of an attempt that run on one thread, with all that they need there. The attempt talks to its hosts only, so it
 * does not matter whether a host is on its own thread or on another.
 *
 * What is told to one host takes effect in the order in which it is told.
 */
export interface TaskHost {
  /** Opens the tasks. Throws what an operator throws. */
  open(): Promise<void>;
  /** Runs the tasks until `close`. */
  start(): void;
  /** See `Executor.runUntilIdle`. */
  runUntilIdle(): void;
  triggerCheckpoint(barrier: Barrier): void;
  notifyCheckpointComplete(checkpointId: number): void;
  /** Tells a source's reader something; ignored when the host has closed. */
  sendToSource(taskId: number, event: SourceEvent): void;
  /** Ends the sources as if they had been read to the end. */
  drainSources(): void;
  /** Smallest watermark of the tasks, milliseconds; of another thread, as it was a moment ago. */
  readonly watermarkMs: number;
  /** Indexes of the input channels whose barrier a task still waits for, when it is aligning this checkpoint. */
  waitingFor(taskId: number, checkpointId: number): readonly number[] | undefined;
  /** The operators whose first subtask is here and that have keyed state. Once they are open. */
  readonly operators: readonly HostedOperator[];
  /** What a task keeps for a key now, between two of its steps. Does not settle when the host closes before. */
  readState(taskId: number, read: StateRead): Promise<StateContent>;
  /** What a checkpoint holds for a key, whose files stay until it is read. */
  readStoredState(taskId: number, read: StateRead, stored: StoredCheckpoint): Promise<StateContent>;
  /** Stops the tasks and closes everything. What does not close cleanly is logged. */
  close(): Promise<void>;
}

export interface StoredCheckpoint {
  readonly manifest: CheckpointManifest;
  /** Address of the manifest. */
  readonly where: string;
}

/** A task that aligns a checkpoint, with the indexes of the input channels whose barrier it still waits for. */
export interface WaitingTask {
  readonly taskId: number;
  readonly checkpointId: number;
  readonly channels: readonly number[];
}

/** What an enumerator tells a reader. */
export type SourceEvent =
  | { readonly kind: 'splits'; readonly splits: readonly SourceSplit[] }
  | { readonly kind: 'no-more-splits' }
  /** The enumerator has heard of a request for splits; what it gave out at once was told before. */
  | { readonly kind: 'request-heard' }
  | { readonly kind: 'event'; readonly event: Json };

/** What a host tells the attempt. */
export interface TaskHostListener {
  /** A task has cut its state at a barrier and goes on to write it. */
  onSnapshotStarted(taskId: number): void;
  /** It is written, or could not be; undefined when the attempt fails with it, by `onFailure`. */
  onSnapshotEnded(taskId: number, checkpointId: number, outcome: SnapshotOutcome | undefined): void;
  onFinished(taskId: number): void;
  onFailure(error: unknown): void;
  onSplitRequest(sourceUid: string, subtaskIndex: number): void;
  onReaderEvent(sourceUid: string, subtaskIndex: number, event: Json): void;
}

export type SnapshotOutcome =
  | { readonly kind: 'acknowledged'; readonly acknowledgement: TaskAcknowledgement }
  | { readonly kind: 'declined'; readonly error: unknown };
