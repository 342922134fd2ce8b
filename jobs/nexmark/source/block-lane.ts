import type { SourceSplit } from '../../../engine/task/source.ts';

/** Every `laneCount`-th block of an event file, from block `lane` on; read up to block `block`, which is the next one. */
export interface BlockLane extends SourceSplit {
  readonly lane: number;
  readonly laneCount: number;
  readonly block: number;
}

export function laneAt(lane: number, laneCount: number, block: number): BlockLane {
  return { splitId: `lane ${lane} of ${laneCount}`, lane, laneCount, block };
}
