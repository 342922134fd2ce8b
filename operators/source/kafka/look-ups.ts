import type { Environment } from '../../../engine/base/environment.ts';
import { TidemarkError } from '../../../engine/base/errors.ts';
import type { Logger } from '../../../engine/base/logger.ts';

/** Milliseconds before a failed look-up is tried again; doubled each time. */
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 10_000;

/**
 * What readers wait for before they can decode a record: look-ups in a schema registry. While it cannot be reached, the
 * records stay where they are and the job waits; the outage is logged once at its beginning and once at its end.
 */
export class LookUps {
  readonly #environment: Environment;
  readonly #logger: Logger;
  /** Of the outage, over all partitions. */
  #failedSinceMs: number | undefined;

  constructor(environment: Environment, logger: Logger) {
    this.#environment = environment;
    this.#logger = logger;
  }

  /**
   * Resolves when the look-up has succeeded, or when it is time to try it again.
   *
   * @throws what the look-up failed with, when trying again cannot help.
   */
  async settled(lookUp: Promise<void>): Promise<void> {
    const { clock, random, scheduler } = this.#environment;
    try {
      await lookUp;
    } catch (error) {
      if (!(error instanceof TidemarkError) || !error.retryable) throw error;
      const nowMs = clock.monotonicMs();
      if (this.#failedSinceMs === undefined) {
        this.#failedSinceMs = nowMs;
        this.#logger.warn('records wait for their schema, trying again until it can be looked up', { error });
      }
      // As long again as it has been down already, so that tries become rare.
      const delayMs = Math.min(Math.max(BACKOFF_FIRST_MS, nowMs - this.#failedSinceMs), BACKOFF_MAX_MS);
      await scheduler.delay(delayMs * (0.75 + random.next() / 2));
      return;
    }
    if (this.#failedSinceMs === undefined) return;
    const downMs = Math.round(clock.monotonicMs() - this.#failedSinceMs);
    this.#failedSinceMs = undefined;
    this.#logger.info('schemas can be looked up again', { downMs });
  }
}
