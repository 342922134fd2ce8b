import { setTimeout as delay } from 'node:timers/promises';

/** Time between two probes of a server that is coming up, in milliseconds. */
const PROBE_INTERVAL_MS = 50;

/** Raised when a server did not answer its readiness probe in time. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
}

/**
 * Calls `probe` until it resolves, and returns what it gave. A probe that throws is called again after 50 ms.
 *
 * Throws NotReadyError, with the last probe's error as cause, once `deadlineMs` have passed. `giveUp` is asked before
 * every probe; when it returns an error that error is thrown at once, so a crashed server is not waited for.
 */
export async function until<T>(options: {
  readonly what: string;
  readonly deadlineMs: number;
  readonly probe: () => Promise<T>;
  readonly giveUp?: (() => Error | undefined) | undefined;
}): Promise<T> {
  const startedAtMs = performance.now();
  for (;;) {
    const fatal = options.giveUp?.();
    if (fatal !== undefined) throw fatal;
    try {
      return await options.probe();
    } catch (error) {
      if (performance.now() - startedAtMs > options.deadlineMs) {
        throw new NotReadyError(`${options.what} was not ready within ${options.deadlineMs} ms`, { cause: error });
      }
    }
    await delay(PROBE_INTERVAL_MS);
  }
}
