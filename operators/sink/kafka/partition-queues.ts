import type { PartitionBatch } from './record-writer.ts';

/** Batches that wait to be sent, first in first out per partition. */
export class PartitionQueues {
  readonly #queues = new Map<number, PartitionBatch[]>();
  byteCount = 0;

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  push(batch: PartitionBatch): void {
    const queue = this.#queues.get(batch.partition);
    if (queue === undefined) this.#queues.set(batch.partition, [batch]);
    else queue.push(batch);
    this.byteCount += batch.batch.length;
  }

  /**
   * Takes what one request can hold: the first batch of each partition, up to about `byteCountMax` bytes. Partitions that
   * were served go to the back of the line.
   */
  take(byteCountMax: number): PartitionBatch[] {
    const taken: PartitionBatch[] = [];
    let takenBytes = 0;
    for (const queue of this.#queues.values()) {
      const first = queue[0]!;
      if (taken.length > 0 && takenBytes + first.batch.length > byteCountMax) break;
      taken.push(first);
      takenBytes += first.batch.length;
    }
    for (const { partition } of taken) {
      const queue = this.#queues.get(partition)!;
      queue.shift();
      this.#queues.delete(partition);
      if (queue.length > 0) this.#queues.set(partition, queue);
    }
    this.byteCount -= takenBytes;
    return taken;
  }
}
