import { UserError } from '../../../engine/base/errors.ts';
import type { Source } from '../../../engine/task/source.ts';
import type { DecodeFormat } from '../../../operators/format/decode-format.ts';
import { FixedSplitEnumerator } from '../../../operators/source/base/fixed-split-enumerator.ts';
import { BlockFileReader } from './block-file-reader.ts';
import { type BlockLane, laneAt } from './block-lane.ts';

/** Splits into 1, 2, 3, 4, 6 and 12 equal shares. */
const LANE_COUNT_DEFAULT = 12;

export interface BlockFileOptions<T> {
  /** A file of events; its index lies beside it. */
  readonly path: string;
  /** Of the file as a stream. */
  readonly format: DecodeFormat<T>;
  /**
   * Lanes that the blocks are dealt to, and lanes to readers: no more readers than lanes have work, and their shares are
   * equal when it is a multiple of the parallelism. Fixed for the life of a job's state. Default 12.
   */
  readonly laneCount?: number | undefined;
}

/**
 * Events of one bounded file with an index of its blocks. Each of N subtasks reads every N-th block, in the order of the
 * file, so that all of them go through event time together. Exactly once: a lane's next block is in the checkpoint, and
 * blocks are handed out whole.
 */
export function blockFileSource<T>(options: BlockFileOptions<T>): Source<T, BlockLane> {
  const { path, format, laneCount = LANE_COUNT_DEFAULT } = options;
  if (!Number.isSafeInteger(laneCount) || laneCount < 1)
    throw new UserError('CONFIGURATION', `expected laneCount to be a whole number of at least 1, found ${laneCount}`);
  return {
    description: `blocks ${path}`,
    boundedness: 'bounded',
    createEnumerator: (context, restored) =>
      new FixedSplitEnumerator<BlockLane>({
        context,
        restored,
        splits: () => Array.from({ length: laneCount }, (_, lane) => laneAt(lane, laneCount, lane)),
        splitIndexOf: ({ lane }) => lane,
        isBounded: true,
      }),
    createReader: (context) => new BlockFileReader<T>(path, format, context),
  };
}
