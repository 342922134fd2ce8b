import type { InputChannel, StreamElement } from '../exchange/channel-ends.ts';
import type { BarrierAligner } from './barrier-aligner.ts';
import { RecordBatch } from './record-batch.ts';

/** An input channel of a task, and which of the head's inputs it feeds. */
export interface GateChannel {
  readonly channel: InputChannel;
  readonly inputIndex: number;
  /** Its records carry keys. On other channels of a keyed task (a broadcast) there is no current key. */
  readonly isKeyed: boolean;
}

/**
 * Reads a task's input channels in turn, leaving out those that wait for a barrier. Fair: the channel read last comes
 * last.
 */
export class InputGate {
  readonly channels: readonly GateChannel[];
  readonly #aligner: BarrierAligner;
  #next = 0;
  /** By channel: the next so many batches were shown to `forEachNext`. */
  readonly #shownCounts: number[];
  /** Index of the channel that the last element came from. */
  lastChannelIndex = 0;

  constructor(channels: readonly GateChannel[], aligner: BarrierAligner) {
    this.channels = channels;
    this.#shownCounts = channels.map(() => 0);
    this.#aligner = aligner;
  }

  /** The next element of an unblocked channel; undefined when there is none now. */
  poll(): StreamElement | undefined {
    const count = this.channels.length;
    for (let i = 0; i < count; i++) {
      let index = this.#next + i;
      if (index >= count) index -= count;
      if (this.#aligner.isBlocked(index)) continue;
      const element = this.channels[index]!.channel.take();
      if (element === undefined) continue;
      this.lastChannelIndex = index;
      if (this.#shownCounts[index]! > 0 && element instanceof RecordBatch) this.#shownCounts[index]!--;
      this.#next = index + 1 === count ? 0 : index + 1;
      return element;
    }
    return undefined;
  }

  /** Calls `visit` with the next batches of keyed channels that are known, up to so many a channel, with each batch once. */
  forEachNext(countMax: number, visit: (batch: RecordBatch) => void): void {
    for (let c = 0; c < this.channels.length; c++) {
      const { channel, isKeyed } = this.channels[c]!;
      if (!isKeyed || channel.peek === undefined) continue;
      for (let i = this.#shownCounts[c]!; i < countMax; i++) {
        const batch = channel.peek(i);
        if (batch === undefined) break;
        this.#shownCounts[c] = i + 1;
        visit(batch);
      }
    }
  }

  get hasElement(): boolean {
    for (let i = 0; i < this.channels.length; i++) {
      if (!this.#aligner.isBlocked(i) && !this.channels[i]!.channel.isEmpty) return true;
    }
    return false;
  }
}
