/** Milliseconds that a call of the transport keeps trying before it gives up: longer than a broker's restart. */
export const RETRY_TIMEOUT_MS = 30_000;
/** Milliseconds that a first connection is tried: whoever starts a job with a wrong address should learn it soon. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Milliseconds for one attempt to open a connection. */
export const SOCKET_TIMEOUT_MS = 3_000;
/** Milliseconds until an unanswered request is given up, besides what it may wait by itself. */
export const REQUEST_TIMEOUT_MS = 30_000;
/** Milliseconds before the first retry; doubled each time. */
export const BACKOFF_FIRST_MS = 50;
/** Milliseconds between retries at most. */
export const BACKOFF_MAX_MS = 1_000;
/**
 * Milliseconds until the cluster aborts an open transaction. Ours last as long as one commit, whatever the checkpoint
 * interval; below the 15 minutes that brokers allow by default.
 */
export const TRANSACTION_TIMEOUT_MS = 300_000;
