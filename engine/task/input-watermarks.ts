import { CombinedWatermark } from '../time/combined-watermark.ts';
import { StatusWatermarkValve } from '../time/status-watermark-valve.ts';
import type { WatermarkStatusOutput } from '../time/watermark-status-output.ts';
import type { GateChannel } from './input-gate.ts';

/** The event time of a task: a valve per input over its channels, and their combination where there are two inputs. */
export class InputWatermarks {
  readonly #valves: StatusWatermarkValve[] = [];
  /** Position of each gate channel within its input. */
  readonly #channelOfValve: number[];
  readonly #inputOfChannel: number[];

  constructor(channels: readonly GateChannel[], inputCount: number, output: WatermarkStatusOutput) {
    const channelCounts = new Array<number>(inputCount).fill(0);
    this.#channelOfValve = channels.map(({ inputIndex }) => channelCounts[inputIndex]!++);
    this.#inputOfChannel = channels.map(({ inputIndex }) => inputIndex);
    const combined = inputCount > 1 ? new CombinedWatermark(inputCount, output) : undefined;
    for (let inputIndex = 0; inputIndex < inputCount; inputIndex++) {
      const target: WatermarkStatusOutput =
        combined === undefined
          ? output
          : {
              emitWatermark: (watermarkMs) => combined.inputWatermark(inputIndex, watermarkMs),
              emitStatus: (isIdle) => combined.inputStatus(inputIndex, isIdle),
            };
      this.#valves.push(new StatusWatermarkValve(channelCounts[inputIndex]!, target));
    }
  }

  onWatermark(channelIndex: number, watermarkMs: number): void {
    this.#valveOf(channelIndex).inputWatermark(this.#channelOfValve[channelIndex]!, watermarkMs);
  }

  onStatus(channelIndex: number, isIdle: boolean): void {
    this.#valveOf(channelIndex).inputStatus(this.#channelOfValve[channelIndex]!, isIdle);
  }

  onFinished(channelIndex: number): void {
    this.#valveOf(channelIndex).finish(this.#channelOfValve[channelIndex]!);
  }

  #valveOf(channelIndex: number): StatusWatermarkValve {
    return this.#valves[this.#inputOfChannel[channelIndex]!]!;
  }
}
