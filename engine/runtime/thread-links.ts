import type { InputChannel, RemoteOutputChannel } from '../exchange/channel-ends.ts';
import { RingReceiver } from '../exchange/ring-receiver.ts';
import { type RingEndOptions, RingSender } from '../exchange/ring-sender.ts';
import { BellRinger, ThreadBell } from '../exchange/thread-bell.ts';
import type { PlannedChannel } from '../graph/execution-plan.ts';
import type { SharedPositions } from '../time/shared-alignment-group.ts';
import type { ThreadLinks } from './task-channels.ts';
import type { WorkerStart } from './worker-messages.ts';

/** What joins a worker's tasks to those of the other workers. */
export class WorkerLinks implements ThreadLinks {
  readonly bell: ThreadBell;
  readonly senders: RemoteOutputChannel[] = [];
  readonly alignment: readonly SharedPositions[];
  readonly #start: WorkerStart;
  readonly #ringers: ReadonlyMap<number, BellRinger>;

  constructor(start: WorkerStart) {
    const { bells, workerIndex, workerOf, alignment } = start;
    this.#start = start;
    this.alignment = alignment;
    this.bell = new ThreadBell(bells, workerIndex);
    const others = new Set(workerOf);
    others.delete(workerIndex);
    this.#ringers = new Map([...others].map((index) => [index, new BellRinger(bells, index)]));
  }

  isHere(taskId: number): boolean {
    return this.#start.workerOf[taskId] === this.#start.workerIndex;
  }

  output({ channelId, targetTaskId }: PlannedChannel, target: string): RemoteOutputChannel {
    const sender = new RingSender({ ...this.#optionsOf(channelId, targetTaskId), target });
    this.senders.push(sender);
    return sender;
  }

  input({ channelId, sourceTaskId }: PlannedChannel): InputChannel {
    return new RingReceiver(this.#optionsOf(channelId, sourceTaskId));
  }

  wakeOthers(): void {
    for (const ringer of this.#ringers.values()) ringer.ring();
  }

  close(): void {
    this.bell.close();
  }

  #optionsOf(channelId: number, peerTaskId: number): RingEndOptions {
    const { rings, workerOf, batchRecords } = this.#start;
    return {
      channelId,
      ring: rings.get(channelId)!,
      peer: this.#ringers.get(workerOf[peerTaskId]!)!,
      batchRecords,
    };
  }
}
