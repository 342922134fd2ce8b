import type { Environment, TimerHandle } from '../base/environment.ts';
import { type ErrorCode, ExternalError, OwnershipLostError, TidemarkError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Barrier } from '../exchange/control-element.ts';
import type { Json } from '../task/source.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import type { CommitQueue } from './commit-queue.ts';
import { assembleManifest, type TaskAcknowledgement } from './assemble-manifest.ts';
import type { CheckpointManifest, RetainedCheckpoint } from './manifest.ts';
import type { StateFileRegistry } from './state-file-registry.ts';

/** The tasks and enumerators of an attempt, as the coordinator sees them. */
export interface CheckpointParticipants {
  readonly taskIds: readonly number[];
  taskName(taskId: number): string;
  /** The channel names that a task still waits for, when it is aligning this checkpoint. For messages. */
  waitingFor(taskId: number, checkpointId: number): string | undefined;
  trigger(barrier: Barrier): void;
  /** Whether a task is still writing what a barrier has cut. */
  isSnapshotting(): boolean;
  /** State of the split enumerators, by source uid. */
  snapshotEnumerators(checkpointId: number): Readonly<Record<string, Json>>;
  notifyComplete(checkpointId: number): void;
  isFinished(): boolean;
}

export interface CheckpointKind {
  /** True writes all state into new files (savepoints). */
  readonly isFull?: boolean | undefined;
  /** True: the job stops with it, and sources emit nothing behind it. */
  readonly isLast?: boolean | undefined;
}

export interface CheckpointOptions {
  /** Undefined: only when asked for. */
  readonly intervalMs: number | undefined;
  /** A checkpoint that takes longer is given up. */
  readonly timeoutMs: number;
  /** At least so long between the end of one and the start of the next. */
  readonly minPauseMs: number;
  /** Failed checkpoints in a row that are put up with before the job is restarted. */
  readonly tolerableFailures: number;
}

export interface CheckpointStatistics {
  completedCount: number;
  failedCount: number;
  lastCheckpointId: number | undefined;
  lastCompletedAtMs: number | undefined;
  lastDurationMs: number;
  /** Bytes written for the last one: new state files and the manifest. */
  lastBytes: number;
  totalBytes: number;
  totalDurationMs: number;
}

export interface CompletedCheckpoint {
  readonly manifest: CheckpointManifest;
  readonly bytes: number;
}

interface PendingCheckpoint {
  readonly barrier: Barrier;
  readonly triggeredAtMs: number;
  readonly startedMonotonicMs: number;
  readonly waitingTaskIds: Set<number>;
  readonly acknowledgements: TaskAcknowledgement[];
  readonly enumerators: Readonly<Record<string, Json>>;
  readonly isFinal: boolean;
  readonly resolve: (completed: CompletedCheckpoint) => void;
  readonly reject: (error: unknown) => void;
  readonly timeout: TimerHandle;
}

/** How far sinks may lag behind before no new checkpoint is started. */
const PENDING_COMMITS_MAX = 8;

/**
 * Starts checkpoints, collects what the tasks report, and commits: manifest, pointer, then the sinks. One at a time.
 *
 * Law: sinks are told to commit only what the pointer names; a checkpoint is complete only when every task has
 * acknowledged it.
 */
export class CheckpointCoordinator {
  readonly statistics: CheckpointStatistics;
  readonly #environment: Environment;
  readonly #logger: Logger;
  readonly #store: CheckpointStore;
  readonly #files: StateFileRegistry;
  readonly #commits: CommitQueue;
  readonly #participants: CheckpointParticipants;
  readonly #options: CheckpointOptions;
  readonly #identity: { readonly jobName: string; readonly shard: string; readonly attempt: number };
  readonly #onFatal: (error: unknown) => void;
  #nextId: number;
  #pending: PendingCheckpoint | undefined;
  #timer: TimerHandle | undefined;
  #failuresInRow = 0;
  #lastExpiryMs = -Infinity;
  #lastFailureCode: ErrorCode | undefined;
  #isSuspended = false;
  #hasRemovedOrphans = false;
  #isStopped = false;

  constructor(options: {
    environment: Environment;
    logger: Logger;
    store: CheckpointStore;
    files: StateFileRegistry;
    commits: CommitQueue;
    participants: CheckpointParticipants;
    options: CheckpointOptions;
    identity: { readonly jobName: string; readonly shard: string; readonly attempt: number };
    firstCheckpointId: number;
    statistics: CheckpointStatistics;
    /** Called when the attempt cannot go on: ownership lost, too many failures in a row. */
    onFatal: (error: unknown) => void;
  }) {
    this.#environment = options.environment;
    this.#logger = options.logger;
    this.#store = options.store;
    this.#files = options.files;
    this.#commits = options.commits;
    this.#participants = options.participants;
    this.#options = options.options;
    this.#identity = options.identity;
    this.#nextId = options.firstCheckpointId;
    this.statistics = options.statistics;
    this.#onFatal = options.onFatal;
  }

  start(): void {
    this.#schedule(this.#options.intervalMs);
  }

  /** Takes checkpoints only when asked from here on. */
  suspend(): void {
    this.#isSuspended = true;
    this.#timer?.cancel();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    if (this.#pending !== undefined) {
      const pending = this.#pending;
      this.#pending = undefined;
      pending.timeout.cancel();
      pending.reject(
        new ExternalError('CANCELED', `checkpoint ${pending.barrier.checkpointId} was canceled with its attempt`),
      );
    }
  }

  get isPending(): boolean {
    return this.#pending !== undefined;
  }

  /**
   * Takes a checkpoint now; waits for one that is under way first.
   *
   * @throws ExternalError CHECKPOINT_FAILED with the reason.
   */
  async trigger(kind: CheckpointKind = {}): Promise<CompletedCheckpoint> {
    while (this.#isBusy()) await this.#environment.scheduler.delay(1);
    if (this.#isStopped) throw new ExternalError('CANCELED', 'the attempt has stopped');
    return await this.#begin(kind);
  }

  acknowledge(taskId: number, checkpointId: number, acknowledgement: TaskAcknowledgement): void {
    const pending = this.#pending;
    if (
      pending === undefined ||
      pending.barrier.checkpointId !== checkpointId ||
      !pending.waitingTaskIds.delete(taskId)
    )
      return;
    pending.acknowledgements.push(acknowledgement);
    if (pending.waitingTaskIds.size > 0) return;
    void this.#complete(pending);
  }

  /** A task could not take its part. */
  decline(taskId: number, checkpointId: number, error: unknown): void {
    const pending = this.#pending;
    if (pending === undefined || pending.barrier.checkpointId !== checkpointId) return;
    this.#fail(
      pending,
      new ExternalError(
        'CHECKPOINT_FAILED',
        `task '${this.#participants.taskName(taskId)}' could not take checkpoint ${checkpointId}`,
        { cause: error },
      ),
    );
  }

  #schedule(delayMs: number | undefined): void {
    this.#timer?.cancel();
    if (delayMs === undefined || this.#isSuspended || this.#isStopped) return;
    this.#timer = this.#environment.scheduler.setTimer(delayMs, () => void this.#onTimer());
  }

  async #onTimer(): Promise<void> {
    const { intervalMs, minPauseMs } = this.#options;
    if (this.#isBusy() || this.#commits.pendingCount > PENDING_COMMITS_MAX) {
      this.#schedule(Math.max(10, minPauseMs));
      return;
    }
    const startedMs = this.#environment.clock.monotonicMs();
    try {
      await this.#begin({});
    } catch {
      // Counted and logged where it failed.
    }
    const elapsedMs = this.#environment.clock.monotonicMs() - startedMs;
    this.#schedule(Math.max(minPauseMs, (intervalMs ?? 0) - elapsedMs));
  }

  /**
   * A checkpoint is under way, or tasks are still at one that has expired: they take one at a time. What hangs is not
   * waited for longer than a checkpoint may take, so that it is counted as failed in the end.
   */
  #isBusy(): boolean {
    if (this.#isStopped) return false;
    if (this.#pending !== undefined) return true;
    const sinceExpiryMs = this.#environment.clock.monotonicMs() - this.#lastExpiryMs;
    return sinceExpiryMs < this.#options.timeoutMs && this.#participants.isSnapshotting();
  }

  #begin({ isFull = false, isLast = false }: CheckpointKind): Promise<CompletedCheckpoint> {
    const checkpointId = this.#nextId++;
    const barrier: Barrier = { tag: 'barrier', checkpointId, isFull, isLast };
    const { promise, resolve, reject } = Promise.withResolvers<CompletedCheckpoint>();
    this.#pending = {
      barrier,
      triggeredAtMs: this.#environment.clock.nowMs(),
      startedMonotonicMs: this.#environment.clock.monotonicMs(),
      waitingTaskIds: new Set(this.#participants.taskIds),
      acknowledgements: [],
      enumerators: this.#participants.snapshotEnumerators(checkpointId),
      isFinal: this.#participants.isFinished(),
      resolve,
      reject,
      timeout: this.#environment.scheduler.setTimer(this.#options.timeoutMs, () => this.#onTimeout(checkpointId)),
    };
    this.#participants.trigger(barrier);
    return promise;
  }

  #onTimeout(checkpointId: number): void {
    const pending = this.#pending;
    if (pending === undefined || pending.barrier.checkpointId !== checkpointId) return;
    this.#lastExpiryMs = this.#environment.clock.monotonicMs();
    const reasons = [...pending.waitingTaskIds].map((taskId) => {
      const channels = this.#participants.waitingFor(taskId, checkpointId);
      return `'${this.#participants.taskName(taskId)}'${channels === undefined ? '' : ` waits for the barrier from ${channels}`}`;
    });
    this.#fail(
      pending,
      new ExternalError(
        'CHECKPOINT_FAILED',
        `checkpoint ${checkpointId} expired after ${this.#options.timeoutMs} ms; not acknowledged by ${reasons.join(', ')}`,
        {
          hint: 'Find what holds the named task up (a slow sink, backpressure), or raise the checkpoint timeout.',
        },
      ),
    );
  }

  async #complete(pending: PendingCheckpoint): Promise<void> {
    pending.timeout.cancel();
    const { checkpointId } = pending.barrier;
    const { timeoutMs } = this.#options;
    const timer = this.#environment.scheduler.setTimer(timeoutMs, () => this.#onStoringTimeout(pending));
    try {
      const manifest = assembleManifest({
        ...this.#identity,
        checkpointId,
        triggeredAtMs: pending.triggeredAtMs,
        completedAtMs: this.#environment.clock.nowMs(),
        isFinal: pending.isFinal,
        acknowledgements: pending.acknowledgements,
        enumerators: pending.enumerators,
        pendingCommits: this.#commits.pending,
      });
      const manifestBytes = JSON.stringify(manifest).length;
      const { dropped } = await this.#store.commit(manifest);
      if (this.#pending !== pending) throw new ExternalError('CANCELED', 'the attempt has stopped');
      const newBytes = this.#files.register(manifest) + manifestBytes;
      this.#recordSuccess(pending, newBytes);
      this.#pending = undefined;
      this.#commits.add(manifest.pendingCommits.filter((commit) => commit.checkpointId === checkpointId));
      this.#participants.notifyComplete(checkpointId);
      void this.#cleanUp(dropped);
      pending.resolve({ manifest, bytes: newBytes });
    } catch (error) {
      if (error instanceof OwnershipLostError) {
        this.#pending = undefined;
        pending.reject(error);
        this.#onFatal(error);
      } else {
        this.#fail(
          pending,
          new ExternalError(
            'CHECKPOINT_FAILED',
            `checkpoint ${checkpointId} failed: its manifest could not be stored`,
            { cause: error },
          ),
        );
      }
    } finally {
      timer.cancel();
    }
  }

  /**
   * Whether the manifest will be stored after all nobody knows: only an attempt that claims the chain anew, and reads it,
   * can go on.
   */
  #onStoringTimeout(pending: PendingCheckpoint): void {
    if (this.#pending !== pending) return;
    this.#pending = undefined;
    this.statistics.failedCount++;
    const { checkpointId } = pending.barrier;
    const error = new ExternalError(
      'CHECKPOINT_FAILED',
      `checkpoint ${checkpointId}: its manifest was not stored within ${this.#options.timeoutMs} ms`,
      { hint: 'Checkpoint storage does not answer: look after it, or raise the checkpoint timeout.' },
    );
    pending.reject(error);
    this.#onFatal(error);
  }

  async #cleanUp(dropped: readonly RetainedCheckpoint[]): Promise<void> {
    if (!this.#hasRemovedOrphans) {
      this.#hasRemovedOrphans = true;
      await this.#files.removeOrphans(this.#identity.attempt);
    }
    await this.#files.release(dropped);
  }

  #recordSuccess(pending: PendingCheckpoint, bytes: number): void {
    const { statistics } = this;
    const durationMs = this.#environment.clock.monotonicMs() - pending.startedMonotonicMs;
    this.#failuresInRow = 0;
    statistics.completedCount++;
    statistics.lastCheckpointId = pending.barrier.checkpointId;
    statistics.lastCompletedAtMs = this.#environment.clock.nowMs();
    statistics.lastDurationMs = durationMs;
    statistics.lastBytes = bytes;
    statistics.totalBytes += bytes;
    statistics.totalDurationMs += durationMs;
    this.#logger.debug('checkpoint complete', { checkpointId: pending.barrier.checkpointId, durationMs, bytes });
  }

  #fail(pending: PendingCheckpoint, error: TidemarkError): void {
    if (this.#pending !== pending) return;
    this.#pending = undefined;
    pending.timeout.cancel();
    this.statistics.failedCount++;
    this.#failuresInRow++;
    const code = error.cause instanceof TidemarkError ? error.cause.code : undefined;
    // The first failure of an outage says why and what to do, its repetitions only that it goes on.
    if (this.#failuresInRow > 1 && code !== undefined && code === this.#lastFailureCode)
      this.#logger.warn(`${error.message}: ${code} again`);
    else this.#logger.warn(error.message, { error: error.cause });
    this.#lastFailureCode = code;
    pending.reject(error);
    if (this.#failuresInRow > this.#options.tolerableFailures) this.#onFatal(error);
  }
}
