import { BarrierAligner } from '../../../engine/task/barrier-aligner.ts';
import type { VectorType } from '../observed.ts';

export const alignedBarrierHandler: VectorType = (vector, observed) => {
  let triggeredCount = 0;
  const aborted: number[] = [];
  const aligner = new BarrierAligner({
    channelCount: vector.operator['channels'] as number,
    checkpointsAfterTasksFinish: vector.operator['checkpointsAfterTasksFinish'] as boolean | undefined,
    listener: {
      onAligned(trigger) {
        triggeredCount++;
        observed.emit({ trigger });
      },
      onAborted: (checkpointId) => void aborted.push(checkpointId),
    },
  });
  // Only the aborts listed have to happen; more may.
  const listedAborts = new Set(vector.expect.flatMap((entry) => ('abort' in entry ? [entry['abort'] as number] : [])));
  return {
    step(step) {
      const { channel, id } = step as unknown as { readonly channel: number; readonly id: number };
      if (step.t === 'barrier') aligner.onBarrier(channel, id);
      else if (step.t === 'cancelBarrier') aligner.onCancelBarrier(id);
      else if (step.t === 'endOfPartition') aligner.onEndOfPartition(channel);
      else if (aligner.isBlocked(channel)) throw new Error(`a buffer came on the blocked channel ${channel}`);
      for (const abort of aborted.slice(observed.sides.get('aborts')?.length ?? 0)) {
        if (listedAborts.has(abort)) observed.emitSide('aborts', { abort });
      }
      observed.assert({
        blocked: aligner.blockedChannels.toSorted((a, b) => a - b),
        latest: aligner.latestCheckpointId,
        count: { triggered: triggeredCount, aborted: aborted.length },
      });
    },
  };
};
