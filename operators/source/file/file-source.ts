import { extname } from 'node:path';
import { UserError, type RecordError } from '../../../engine/base/errors.ts';
import type {
  EnumeratorContext,
  Json,
  ReaderContext,
  Source,
  SourceReader,
  SplitEnumerator,
} from '../../../engine/task/source.ts';
import { type Duration, durationMs } from '../../../engine/time/duration.ts';
import type { StorageOptions } from '../../../state/storage/storage-url.ts';
import type { DecodeFormat } from '../../format/decode-format.ts';
import { FileEnumerator } from './file-enumerator.ts';
import { FileReader } from './file-reader.ts';
import type { FileSplit } from './file-split.ts';

export interface FileSourceOptions<T, E = never> {
  /** A folder or `s3://bucket/prefix`: all files below it are read, in the order of their names. Or one file. */
  readonly path: string;
  readonly format: DecodeFormat<T>;
  /** Which files to read, by path relative to `path`. Default: all but those whose name starts with `.` or `_`. */
  readonly include?: ((relativePath: string) => boolean) | undefined;
  /** Looks for new files this often, and never ends. Default: reads what is there at the start, then ends. */
  readonly watch?: Duration | undefined;
  /** Files are read in pieces of about this size, side by side, where the format allows it. Default 64 MiB. */
  readonly splitBytes?: number | undefined;
  /**
   * A record that cannot be decoded. `fail` (default) stops the job, naming the file and place; a function turns it into a
   * record of the stream, so that the job can put it aside. Nothing is dropped silently.
   */
  readonly onError?: 'fail' | ((record: UndecodableFileRecord) => E) | undefined;
  readonly storage?: StorageOptions | undefined;
}

/** A record of a file that could not be decoded, with everything needed to look at it or to try again. */
export interface UndecodableFileRecord {
  /** Path relative to the source's. */
  readonly file: string;
  /** Where it starts: byte in the (uncompressed) file. */
  readonly offset: number;
  readonly bytes: Buffer;
  readonly error: RecordError;
}

const SPLIT_BYTES_DEFAULT = 64 * 1024 * 1024;

/**
 * Reads files of a folder or an S3 prefix: JSON lines, CSV, Avro containers, whatever the format says; `.gz` and `.zst`
 * are unpacked. Exactly once: the position in each file is in the checkpoint. Files must not change once they are there.
 */
export function fileSource<T, E = never>(options: FileSourceOptions<T, E>): Source<T | E, FileSplit> {
  const splitBytes = options.splitBytes ?? SPLIT_BYTES_DEFAULT;
  if (!(splitBytes >= 1))
    throw new UserError('CONFIGURATION', `expected splitBytes of at least 1, found ${splitBytes}`);
  const watchMs = options.watch === undefined ? undefined : durationMs(options.watch);
  return {
    description: `files ${options.path}`,
    boundedness: watchMs === undefined ? 'bounded' : 'unbounded',
    createEnumerator(context: EnumeratorContext<FileSplit>, restored: Json | undefined): SplitEnumerator<FileSplit> {
      const isSplittable = options.format.createDecoder('stream').findStart !== undefined;
      return new FileEnumerator({
        context,
        restored,
        path: options.path,
        storage: options.storage,
        include: options.include ?? isVisible,
        splitBytesOf: (key) => (isSplittable && !isCompressed(key) ? splitBytes : Infinity),
        watchMs,
      });
    },
    createReader: (context: ReaderContext): SourceReader<T | E, FileSplit> => new FileReader<T, E>(options, context),
  };
}

/** Whether a file is unpacked as a whole, by its ending. */
export function isCompressed(key: string): boolean {
  return extname(key) === '.gz' || extname(key) === '.zst';
}

function isVisible(relativePath: string): boolean {
  return !relativePath.split('/').some((part) => part.startsWith('.') || part.startsWith('_'));
}
