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
  readonly storage: ObjectStorage;
  readonly codec: PageCodec;
}

/**
 * The files that hold key groups of [start, end), oldest first, each narrowed to them. A file written before a rescale is
 * shared by several subtasks: narrowed, what one of them lists does not speak for the key groups of the others.
 */
export function filesOfRange(files: readonly StateFile[], keyGroupStart: number, keyGroupEnd: number): StateFile[] {
  const found: StateFile[] = [];
  for (const file of files) {
    const start = Math.max(file.keyGroupStart, keyGroupStart);
    const end = Math.min(file.keyGroupEnd, keyGroupEnd);
    if (start < end) found.push({ ...file, keyGroupStart: start, keyGroupEnd: end });
  }
  return found;
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
    runs.push(reader.run(formats));
  }
  return new MergedRun(runs);
}
