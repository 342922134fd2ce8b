import { extname } from 'node:path';
import type { RecordError } from '../../../engine/base/errors.ts';
import type { Duration } from '../../../engine/time/duration.ts';
import type { StorageOptions } from '../../../state/storage/storage-url.ts';
import type { DecodeFormat } from '../../format/decode-format.ts';

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
  /** Bytes of a file that are fetched at once, ahead of decoding. Default 1 MiB; of files on disk at most 256 KiB. */
  readonly fetchBytes?: number | undefined;
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

/** Whether a file is unpacked as a whole, by its ending. */
export function isCompressed(key: string): boolean {
  return extname(key) === '.gz' || extname(key) === '.zst';
}
