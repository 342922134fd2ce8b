import type { RecordBatch } from '../task/record-batch.ts';
import type { ControlElement } from './control-element.ts';

export type StreamElement = RecordBatch | ControlElement;

/** The end of a channel that a task sends into. */
export interface OutputChannel {
  /** Index in `ExecutionPlan.channels`. */
  readonly channelId: number;
  /** False: the producer is held back. Looked at between its own batches, so one that expands may overfill the channel. */
  readonly hasRoom: boolean;
  /**
   * Sends an element behind all others; it always fits. A batch belongs to the channel from here on.
   *
   * @throws UserError when a record cannot be sent to another thread.
   */
  push(element: StreamElement): void;
  /** An empty batch to fill. */
  acquire(): RecordBatch;
  /** Called when there may be room again: wakes a producer that is held back. Set by the task. */
  onTake: () => void;
}

/** The end of a channel that a task reads. */
export interface InputChannel {
  /** Index in `ExecutionPlan.channels`. */
  readonly channelId: number;
  readonly isEmpty: boolean;
  /** Takes the oldest element; undefined when there is none now. */
  take(): StreamElement | undefined;
  /** The i-th batch that `take` will give, as far as it is known already; to be looked at only. */
  peek?(i: number): RecordBatch | undefined;
  /** Takes a batch back when its records have been processed. */
  release(batch: RecordBatch): void;
  /** Called when there may be an element to take: wakes the consumer. Set by the task. */
  onPush: () => void;
}

/** The sending end of a channel to another thread: what does not fit into shared memory waits on this side. */
export interface RemoteOutputChannel extends OutputChannel {
  /** Moves what waits into shared memory, as far as there is room. Returns whether anything moved. */
  pump(): boolean;
}

/**
 * What a thread sleeps beside: other threads ring it when they have put something into a ring that it reads, or taken
 * something from one that it fills.
 *
 * Law: a thread arms the bell, looks once more for work, and only then sleeps; whoever rings looks at the bell after its
 * change is visible. So no change is slept through. Ringing a bell that is not armed costs one look at shared memory.
 */
export interface Doorbell {
  /** Called on the thread of the bell when it was rung while armed. */
  onRing: () => void;
  arm(): void;
  disarm(): void;
  /** Rings no more, and keeps the thread alive no longer. */
  close(): void;
}
