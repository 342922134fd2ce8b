/** Rows of a page at most. As other writers have it: small enough for readers that skip, large enough to compress well. */
export const PAGE_ROWS_MAX = 20_000;

/** Bytes of a page of text, uncompressed, after which it is cut. */
export const PAGE_BYTES_MAX = 1 << 20;

/** Rows of a row group, unless the sink says otherwise: what the measurements of docs/decisions/parquet-writer.md were made with. */
export const ROW_GROUP_ROWS = 131_072;

/** Values after which a text column decides whether its dictionary pays. */
export const DICTIONARY_SAMPLE_VALUES = 8_192;

/** A dictionary larger than this, entries or bytes, is given up: later pages are plain. */
export const DICTIONARY_ENTRIES_MAX = 32_768;
export const DICTIONARY_BYTES_MAX = 1 << 20;

/** Bytes of a minimum or maximum of text in the footer; longer ones are cut, the maximum rounded up. */
export const STATISTICS_BYTES_MAX = 64;

/** A file this large is closed before its checkpoint, so that an epoch without checkpoints needs no unbounded memory. */
export const FILE_BYTES_MAX = 256 << 20;

/** Bytes that may wait for their upload before the writer asks its task to wait. */
export const UPLOAD_BYTES_MAX = 512 << 20;

/** Open partitions of one subtask; more are a mistake in `partitionBy`. */
export const PARTITIONS_MAX = 4_096;

/** Zstandard level: 1 costs half the time of 3 for 3 % more bytes (test/bench/parquet.bench.ts). */
export const ZSTD_LEVEL = 1;
