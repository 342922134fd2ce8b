import type { Environment } from '../base/environment.ts';
import type { Logger } from '../base/logger.ts';
import type { MetricGroup } from '../base/metrics.ts';

/** JSON that goes into the checkpoint manifest as it is. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A part of a source that is read in order by one reader at a time: a Kafka partition, a file. `state` includes the position. */
export interface SourceSplit {
  readonly splitId: string;
  readonly [field: string]: Json;
}

/**
 * Where records come from. One enumerator per job finds splits and assigns them; one reader per subtask reads them.
 * A reader's position is in its splits: they are what a checkpoint stores, and all that a restore needs.
 */
export interface Source<T, S extends SourceSplit = SourceSplit> {
  /** For messages and metrics: `kafka clicks`. */
  readonly description: string;
  readonly boundedness: 'bounded' | 'unbounded';
  createEnumerator(context: EnumeratorContext<S>, restored: Json | undefined): SplitEnumerator<S>;
  createReader(context: ReaderContext): SourceReader<T, S>;
}

export interface EnumeratorContext<S> {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly parallelism: number;
  /** Hands splits to the reader of a subtask. */
  assign(subtaskIndex: number, splits: readonly S[]): void;
  /** Tells a reader that no more splits will come: a bounded source ends when its splits do. */
  signalNoMoreSplits(subtaskIndex: number): void;
  /** Tells a reader something of the source's own, in order with splits; see `SourceReader.handleEvent`. */
  sendEvent(subtaskIndex: number, event: Json): void;
  /** Fails the job with this error. */
  fail(error: unknown): void;
}

export interface SplitEnumerator<S> {
  /** Finds the first splits. Called once, before any reader; throws what makes the job impossible (missing topic). */
  start(): Promise<void>;
  /** A reader is there (at start, and again after a restart of its subtask). */
  addReader(subtaskIndex: number): void;
  /** A reader has nothing left to read and asks for more. */
  handleSplitRequest(subtaskIndex: number): void;
  /** A reader says something by `ReaderContext.sendEvent`. */
  handleEvent?(subtaskIndex: number, event: Json): void;
  /** Splits of a checkpoint come back after a restore or failure: to be assigned again, with their positions. */
  addSplitsBack(splits: readonly S[], subtaskIndex: number): void;
  /** What is not yet assigned and what has been discovered. */
  snapshotState(checkpointId: number): Json;
  notifyCheckpointComplete?(checkpointId: number): void;
  close(): Promise<void>;
}

export interface ReaderContext {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly metrics: MetricGroup;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  /** Asks the enumerator for splits. */
  requestSplit(): void;
  /** Tells the enumerator something of the source's own. */
  sendEvent(event: Json): void;
}

/** `more`: call again at once. `empty`: wait for `available()`. `end`: no record will ever follow. */
export type ReaderStatus = 'more' | 'empty' | 'end';

export interface SourceReader<T, S extends SourceSplit> {
  start(): Promise<void>;
  addSplits(splits: readonly S[]): void;
  noMoreSplits(): void;
  /** The enumerator says something by `EnumeratorContext.sendEvent`. */
  handleEvent?(event: Json): void;
  /**
   * Emits up to about `recordCountMax` records that are already in memory. Synchronous: fetching runs in the background,
   * with a bounded buffer. Throws what failed in the background.
   */
  poll(output: SourceOutput<T>, recordCountMax: number): ReaderStatus;
  /** True while the reader has no split and is sure to get some: the subtask is not idle meanwhile. Default false. */
  readonly expectsSplits?: boolean;
  /** Resolves when `poll` may have something to say again. */
  available(): Promise<void>;
  /** The splits with their positions after the last record emitted. */
  snapshotState(checkpointId: number): readonly S[];
  notifyCheckpointComplete?(checkpointId: number): void;
  /**
   * Watermark alignment: stop and go on reading single splits. A reader without it is held as a whole, while all of its
   * splits are too far ahead.
   */
  pauseOrResumeSplits?(toPause: readonly string[], toResume: readonly string[]): void;
  /**
   * Whether the split has records that are there already and were not read. False: reading it faster would bring nothing,
   * so it does not keep others waiting where joins align their sources by themselves. Default true.
   */
  hasBacklog?(splitId: string): boolean;
  close(): Promise<void>;
}

/** Takes the records of a reader, split by split: watermarks and idleness are kept per split. */
export interface SourceOutput<T> {
  /** The output of a split; kept by the reader, so that no look-up is needed per record. */
  forSplit(splitId: string): SplitOutput<T>;
  /** The split is finished: it no longer holds the watermark back. */
  releaseSplit(splitId: string): void;
}

export interface SplitOutput<T> {
  /** @param timestampMs the record's own time as the transport knows it (Kafka's), or NO_TIMESTAMP; a timestamp assigner overrides it. */
  collect(value: T, timestampMs: number): void;
}
