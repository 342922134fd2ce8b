import { UserError } from '../../engine/base/errors.ts';
import { MergedRun } from '../snapshot/merged-run.ts';
import type { PageRun } from '../snapshot/page-run.ts';
import { StateFileReader } from '../snapshot/state-file-reader.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import type { PageCodec } from './page-codec.ts';

export interface OpenOptions {
  readonly operatorUid: string;
  readonly maxParallelism: number;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly storage: ObjectStorage;
  readonly codec: PageCodec;
}

/** Files of which some key group may lie in [start, end), oldest first. */
export function filesOfRange(files: readonly StateFile[], keyGroupStart: number, keyGroupEnd: number): StateFile[] {
  return files.filter((file) => file.keyGroupStart < keyGroupEnd && file.keyGroupEnd > keyGroupStart);
}

/**
 * Opens state files as one run of the newest version of each page, and makes their formats known to the codec.
 *
 * @throws CheckpointCorruptError for a missing or torn file; UserError STATE_INCOMPATIBLE for another max parallelism.
 */
export async function openStateFiles(files: readonly StateFile[], options: OpenOptions): Promise<PageRun> {
  const { storage, codec, maxParallelism, operatorUid } = options;
  const runs: PageRun[] = [];
  for (const file of files) {
    const reader = await StateFileReader.open(storage, file);
    const stored = reader.header.maxParallelism;
    if (stored !== maxParallelism) {
      throw new UserError(
        'STATE_INCOMPATIBLE',
        `operator ${operatorUid}: expected max parallelism ${stored} of the stored state, found ${maxParallelism}`,
        {
          hint: `Set the max parallelism back to ${stored}: it can never change for existing state.`,
        },
      );
    }
    const formats = reader.header.formats.map((format) => codec.addFormat(format));
    runs.push(reader.run(options.keyGroupStart, options.keyGroupEnd, formats));
  }
  return new MergedRun(runs);
}
