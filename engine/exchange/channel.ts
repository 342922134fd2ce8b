import { RecordBatch } from '../task/record-batch.ts';
import type { InputChannel, OutputChannel, StreamElement } from './channel-ends.ts';

/** Full batches a channel holds before its producer is held back. Small on purpose: a barrier is never behind much data. */
export const CHANNEL_BATCHES_MAX = 4;

/** Places of elements taken that are kept until they are cleared away together. */
const TAKEN_MAX = 64;

/**
 * One direction between two subtasks of the same thread: a bounded queue of batches and control elements. The bound is
 * checked by the producer between its own batches, so one input batch that expands may overfill it; control elements
 * always fit.
 */
export class Channel implements OutputChannel, InputChannel {
  readonly channelId: number;
  readonly #elements: StreamElement[] = [];
  #head = 0;
  #batchCount = 0;
  readonly #pool: RecordBatch[] = [];
  readonly #batchCapacity: number;
  /** Called after each push: wakes the consumer. */
  onPush: () => void = () => {};
  /** Called when a batch was taken: wakes a producer that is held back. */
  onTake: () => void = () => {};

  constructor(channelId: number, batchCapacity: number) {
    this.channelId = channelId;
    this.#batchCapacity = batchCapacity;
  }

  get hasRoom(): boolean {
    return this.#batchCount < CHANNEL_BATCHES_MAX;
  }

  get isEmpty(): boolean {
    return this.#head === this.#elements.length;
  }

  push(element: StreamElement): void {
    this.#elements.push(element);
    if (element instanceof RecordBatch) this.#batchCount++;
    this.onPush();
  }

  /** Takes the oldest element; undefined when there is none. */
  take(): StreamElement | undefined {
    if (this.#head === this.#elements.length) return undefined;
    const element = this.#elements[this.#head]!;
    this.#head++;
    if (this.#head === this.#elements.length) {
      this.#elements.length = 0;
      this.#head = 0;
    } else if (this.#head === TAKEN_MAX) {
      this.#elements.splice(0, TAKEN_MAX);
      this.#head = 0;
    }
    if (element instanceof RecordBatch) {
      this.#batchCount--;
      this.onTake();
    }
    return element;
  }

  peek(i: number): RecordBatch | undefined {
    let left = i;
    for (let at = this.#head; at < this.#elements.length; at++) {
      const element = this.#elements[at];
      if (element instanceof RecordBatch && left-- === 0) return element;
    }
    return undefined;
  }

  /** An empty batch to fill. */
  acquire(): RecordBatch {
    return this.#pool.pop() ?? new RecordBatch(this.#batchCapacity);
  }

  /** Takes a batch back when its records have been processed. */
  release(batch: RecordBatch): void {
    batch.clear();
    if (this.#pool.length <= CHANNEL_BATCHES_MAX) this.#pool.push(batch);
  }
}
