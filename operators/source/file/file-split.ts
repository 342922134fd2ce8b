import type { SourceSplit } from '../../../engine/task/source.ts';

/** A file, or a piece of one: the records that start in bytes [start, end). */
export interface FileSplit extends SourceSplit {
  readonly splitId: string;
  /** Path relative to the source's. */
  readonly file: string;
  /** Size of the file as stored. */
  readonly fileBytes: number;
  readonly start: number;
  readonly end: number;
  /** Where reading goes on: byte in the (uncompressed) file; -1 at the split's own start, before any record. */
  readonly position: number;
  /** Records to pass over from there: those of a block that were handed out already. */
  readonly skip: number;
}

/** Cuts a file into pieces of about `splitBytes`. Pure. */
export function splitsOfFile(file: string, fileBytes: number, splitBytes: number): FileSplit[] {
  const count = Math.max(1, Math.ceil(fileBytes / splitBytes));
  return Array.from({ length: count }, (_, i) => ({
    splitId: count === 1 ? file : `${file}#${i}`,
    file,
    fileBytes,
    start: i === 0 ? 0 : i * splitBytes, // not 0 * Infinity
    end: i === count - 1 ? fileBytes : (i + 1) * splitBytes,
    position: -1,
    skip: 0,
  }));
}
