import type { Environment } from '../base/environment.ts';
import { CheckpointCorruptError, ExternalError, TidemarkError, UserError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Committer } from '../task/sink.ts';
import type { PendingCommit } from './manifest.ts';

const RETRY_INITIAL_MS = 200;
const RETRY_MAX_MS = 10_000;

interface Waiter {
  readonly checkpointId: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits what complete checkpoints prepared, sink by sink in order of checkpoints, behind the stream. Retries passing
 * faults for as long as the job runs: what is in the queue is in every manifest, so nothing is lost by waiting.
 */
export class CommitQueue {
  readonly #environment: Environment;
  readonly #logger: Logger;
  readonly #committers: ReadonlyMap<string, Committer>;
  readonly #onFatal: (error: unknown) => void;
  #pending: PendingCommit[] = [];
  readonly #running = new Set<string>();
  readonly #waiters: Waiter[] = [];
  #isStopped = false;

  constructor(options: {
    environment: Environment;
    logger: Logger;
    /** By sink uid. */
    committers: ReadonlyMap<string, Committer>;
    onFatal: (error: unknown) => void;
  }) {
    this.#environment = options.environment;
    this.#logger = options.logger;
    this.#committers = options.committers;
    this.#onFatal = options.onFatal;
  }

  /** Not yet committed, oldest first: goes into every manifest. */
  get pending(): readonly PendingCommit[] {
    return this.#pending;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** @throws UserError STATE_INCOMPATIBLE when the job has no such sink any more. */
  add(commits: readonly PendingCommit[]): void {
    for (const commit of commits) {
      if (!this.#committers.has(commit.sinkUid)) {
        throw new UserError(
          'STATE_INCOMPATIBLE',
          `checkpoint ${commit.checkpointId} holds uncommitted results of the sink '${commit.sinkUid}', which the job does not have`,
          {
            hint: 'Run the job once with that sink, so that its results are committed, before removing it.',
          },
        );
      }
      this.#pending.push(commit);
    }
    for (const commit of commits) void this.#run(commit.sinkUid);
  }

  /** Resolves when everything up to a checkpoint has been committed; rejects when the queue is stopped before. */
  drained(checkpointId: number = Infinity): Promise<void> {
    if (this.#isDrained(checkpointId)) return Promise.resolve();
    if (this.#isStopped) return Promise.reject(stoppedError());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ checkpointId, resolve, reject });
    return promise;
  }

  stop(): void {
    this.#isStopped = true;
    for (const { reject } of this.#waiters.splice(0)) reject(stoppedError());
  }

  async #run(sinkUid: string): Promise<void> {
    if (this.#running.has(sinkUid)) return;
    this.#running.add(sinkUid);
    const committer = this.#committers.get(sinkUid)!;
    let retryMs = RETRY_INITIAL_MS;
    try {
      for (;;) {
        const commit = this.#pending.find((candidate) => candidate.sinkUid === sinkUid);
        if (commit === undefined || this.#isStopped) return;
        try {
          await committer.commit(commit.checkpointId, commit.committables);
          this.#pending = this.#pending.filter((candidate) => candidate !== commit);
          this.#wakeWaiters();
          retryMs = RETRY_INITIAL_MS;
        } catch (error) {
          if (this.#isStopped) return;
          if (!(error instanceof TidemarkError) || !error.retryable) {
            this.#onFatal(error instanceof CheckpointCorruptError ? lostResults(commit, error) : error);
            return;
          }
          this.#logger.warn(`commit of checkpoint ${commit.checkpointId} to '${sinkUid}' failed, trying again`, {
            reason: error.message,
            retryMs,
          });
          await this.#environment.scheduler.delay(retryMs);
          retryMs = Math.min(RETRY_MAX_MS, retryMs * 2);
        }
      }
    } finally {
      this.#running.delete(sinkUid);
    }
  }

  #isDrained(checkpointId: number): boolean {
    return this.#pending.every((commit) => commit.checkpointId > checkpointId);
  }

  #wakeWaiters(): void {
    const waiters = this.#waiters.splice(0);
    for (const waiter of waiters) {
      if (this.#isDrained(waiter.checkpointId)) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }
}

/** Nothing brings back what was staged: to start again would only find that once more. */
function lostResults({ sinkUid, checkpointId }: PendingCommit, cause: CheckpointCorruptError): ExternalError {
  return new ExternalError(
    'CHECKPOINT_CORRUPT',
    `results of checkpoint ${checkpointId} that '${sinkUid}' has to commit are lost: ${cause.message}`,
    {
      cause,
      retryable: false,
      hint: 'Start from a savepoint, or a copy of the checkpoint folder, from before that checkpoint: the results are then made again.',
    },
  );
}

function stoppedError(): ExternalError {
  return new ExternalError('CANCELED', 'the attempt ended before its results were committed');
}
