import type { ColumnRange } from './range-by-column.ts';

/** A data file, as committables and manifests name it. */
export interface CommittedFile {
  /** Key below the path of the lake. */
  readonly path: string;
  /** Folder of the file; empty without `partitionBy`. */
  readonly partition: string;
  readonly rows: number;
  readonly bytes: number;
  /** CRC-32 of the whole file. */
  readonly checksum: number;
  /** By column; columns that have none are missing. */
  readonly ranges: Readonly<Record<string, ColumnRange>>;
}

/** What a writer hands to the committer: a file, and the staged rows nobody needs any more once it is committed. */
export interface ParquetCommittable {
  /** The checkpoint that the file was closed for: may be one that failed, whose files come with a later one. */
  readonly checkpointId: number;
  readonly file: CommittedFile;
  /** Keys in checkpoint storage. */
  readonly releases: readonly string[];
}
