import type { InputChannel, StreamElement } from '../exchange/channel-ends.ts';
import type { BarrierAligner } from './barrier-aligner.ts';

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
  /** Index of the channel that the last element came from. */
  lastChannelIndex = 0;

  constructor(channels: readonly GateChannel[], aligner: BarrierAligner) {
    this.channels = channels;
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
      this.#next = index + 1 === count ? 0 : index + 1;
      return element;
    }
    return undefined;
  }

  get hasElement(): boolean {
    for (let i = 0; i < this.channels.length; i++) {
      if (!this.#aligner.isBlocked(i) && !this.channels[i]!.channel.isEmpty) return true;
    }
    return false;
  }
}
