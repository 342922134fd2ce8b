import { UserError } from '../../engine/base/errors.ts';
import { MergedRun } from '../snapshot/merged-run.ts';
import type { PageRun } from '../snapshot/page-run.ts';
import { StateFileReader } from '../snapshot/state-file-reader.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import type { OpenFile } from './cell-lookup.ts';
import type { PageCodec } from './page-codec.ts';

/** Bytes read at a time: of all files together, and of one within bounds. */
const CHUNKS_BYTES = 16 << 20;
const CHUNK_BYTES_MIN = 1 << 16;
const CHUNK_BYTES_MAX = 1 << 20;
const PARALLEL_OPENS = 16;
/** Files kept open at the same time. */
const OPEN_FILES_MAX = 512;

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
  const opened = await openFiles(files, options);
  const chunkBytes = chunkBytesOf(files.length);
  return new MergedRun(opened.map(({ reader, formats }) => reader.run(formats, { chunkBytes })));
}

/** Bytes to read at a time of each of so many files that are read together. */
export function chunkBytesOf(fileCount: number): number {
  return Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, Math.floor(CHUNKS_BYTES / fileCount)));
}

/**
 * Opens state files and makes their formats known to the codec.
 *
 * @param isForLookUps no file is read whole, and they are kept open: their readers must be closed. Default false.
 * @throws as `openStateFiles`.
 */
export async function openFiles(
  files: readonly StateFile[],
  options: OpenOptions,
  isForLookUps = false,
): Promise<OpenFile[]> {
  const { storage } = options;
  const readers: StateFileReader[] = [];
  try {
    for (let at = 0; at < files.length; at += PARALLEL_OPENS) {
      const opening = files.slice(at, at + PARALLEL_OPENS).map(async (file) => {
        const reader = await StateFileReader.open(storage, file, isForLookUps ? 0 : chunkBytesOf(files.length));
        if (isForLookUps && at < OPEN_FILES_MAX) await reader.keepOpen();
        return reader;
      });
      const settled = await Promise.allSettled(opening);
      for (const result of settled) if (result.status === 'fulfilled') readers.push(result.value);
      // All are settled: this throws what the first one failed with.
      await Promise.all(opening);
    }
    return withFormats(readers, options);
  } catch (error) {
    await Promise.all(readers.map((reader) => reader.close().catch(() => {})));
    throw error;
  }
}

function withFormats(readers: readonly StateFileReader[], options: OpenOptions): OpenFile[] {
  const { codec, maxParallelism, operatorUid } = options;
  const opened: OpenFile[] = [];
  for (const reader of readers) {
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
    opened.push({ reader, formats });
  }
  return opened;
}
