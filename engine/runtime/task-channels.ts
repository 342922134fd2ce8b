import { Channel } from '../exchange/channel.ts';
import type { Doorbell, InputChannel, OutputChannel, RemoteOutputChannel } from '../exchange/channel-ends.ts';
import type { ExecutionPlan, PlannedChannel } from '../graph/execution-plan.ts';
import type { JobGraph } from '../graph/job-graph.ts';
import type { SharedPositions } from '../time/shared-alignment-group.ts';

/** The part of a job that runs on this thread, and what joins it to the others. */
export interface ThreadLinks {
  isHere(taskId: number): boolean;
  /** The sending end of a channel to a task of another thread. @param targetName for errors. */
  output(channel: PlannedChannel, targetName: string): RemoteOutputChannel;
  /** The receiving end of a channel from a task of another thread. */
  input(channel: PlannedChannel): InputChannel;
  /** Wakes this thread when something has come, or has been taken. */
  readonly bell: Doorbell;
  /** The sending ends made so far. */
  readonly senders: readonly RemoteOutputChannel[];
  /** Positions of the aligned sources of all threads, by group: see `AlignmentCoordinator`. */
  readonly alignment: readonly SharedPositions[];
  wakeOthers(): void;
}

/** The ends of channels that are on this thread, by channel id. */
export interface ChannelEnds {
  readonly inputs: ReadonlyMap<number, InputChannel>;
  readonly outputs: ReadonlyMap<number, OutputChannel>;
}

export function createChannels(options: {
  readonly plan: ExecutionPlan;
  readonly graph: JobGraph;
  readonly batchRecords: number;
  readonly links?: ThreadLinks | undefined;
}): ChannelEnds {
  const { plan, graph, batchRecords, links } = options;
  const inputs = new Map<number, InputChannel>();
  const outputs = new Map<number, OutputChannel>();
  for (const channel of plan.channels) {
    const { channelId, sourceTaskId, targetTaskId } = channel;
    const isSourceHere = links === undefined || links.isHere(sourceTaskId);
    const isTargetHere = links === undefined || links.isHere(targetTaskId);
    if (isSourceHere && isTargetHere) {
      const local = new Channel(channelId, batchRecords);
      inputs.set(channelId, local);
      outputs.set(channelId, local);
    } else if (isSourceHere) {
      const { vertexId } = plan.subtasks[targetTaskId]!;
      outputs.set(channelId, links!.output(channel, graph.vertices[vertexId]!.head.name));
    } else if (isTargetHere) {
      inputs.set(channelId, links!.input(channel));
    }
  }
  return { inputs, outputs };
}
