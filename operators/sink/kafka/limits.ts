/** Bytes of a batch before compression: below the brokers' default of 1 MiB by a margin for what does not compress. */
export const BATCH_BYTES = 512 * 1024;
/** Bytes that a batch may have, however many partitions share the buffer. */
export const BATCH_BYTES_MIN = 4 * 1024;
/** Bytes of a staged file, about: an epoch larger than this is staged in several, while it lasts. */
export const STAGED_FILE_BYTES = 8 * 1024 * 1024;
/** Bytes in the memory of one writer. */
export const BUFFER_BYTES = 32 * 1024 * 1024;
/** Bytes of one produce request, at most, unless a single batch is larger. */
export const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
/** Commits that a marker remembers by their ids. */
export const RECENT_COMMITS_MAX = 32;
/** Milliseconds that a record waits for others in low-latency mode. */
export const LINGER_MS = 5;
