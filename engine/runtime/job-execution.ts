import type { Environment } from '../base/environment.ts';
import { CheckpointCorruptError, ExternalError, TidemarkError, UserError } from '../base/errors.ts';
import { MetricGroup } from '../base/metrics.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import { CheckpointStore } from '../checkpoint/checkpoint-store.ts';
import type { CheckpointStatistics, CompletedCheckpoint } from '../checkpoint/coordinator.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import { checkRestorable } from '../checkpoint/restore-plan.ts';
import { importSavepoint, writeSavepoint } from '../checkpoint/savepoint.ts';
import { StateFileRegistry } from '../checkpoint/state-file-registry.ts';
import { createExecutionPlan, type ExecutionPlan } from '../graph/execution-plan.ts';
import { createJobGraph, type JobGraph } from '../graph/job-graph.ts';
import { durationMs } from '../time/duration.ts';
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from '../time/timestamps.ts';
import { createRestartStrategy, type RestartStrategy } from './restart-strategy.ts';
import { RunningAttempt } from './running-attempt.ts';
import { CACHE_BYTES_DEFAULT, DECODED_CACHE_SHARE_DEFAULT, type RuntimeOptions } from './runtime-options.ts';

/** `finished`: all sources ended. `stopped`: on request, with a last checkpoint. `canceled`: on request, without. */
export type JobState =
  | 'starting'
  | 'running'
  | 'restarting'
  | 'stopping'
  | 'finished'
  | 'stopped'
  | 'canceled'
  | 'failed';

export interface JobResult {
  readonly state: 'finished' | 'stopped' | 'canceled';
  readonly lastCheckpointId: number | undefined;
}

export interface JobStatus {
  readonly state: JobState;
  readonly attempt: number;
  readonly restartCount: number;
  readonly lastFailure: unknown;
  /** Records emitted by all sources of the running attempt. */
  readonly sourceRecordCount: number;
  /** Smallest watermark of all tasks; MIN before the first, MAX at the end. */
  readonly watermarkMs: number;
  /** Id of the checkpoint that the running attempt started from. */
  readonly restoredCheckpointId: number | undefined;
  readonly checkpoints: Readonly<CheckpointStatistics>;
}

type Request = { readonly kind: 'cancel' } | { readonly kind: 'stop'; readonly isDraining: boolean };

/**
 * The master of one job on this thread: recovers, runs attempts, restarts them after failures as the strategy says, and
 * carries out what it is asked for.
 */
export class JobExecution {
  /** Settles when the job is over; rejects when it failed for good. */
  readonly result: Promise<JobResult>;
  readonly metrics: MetricGroup;
  readonly graph: JobGraph;
  readonly plan: ExecutionPlan;
  readonly #options: RuntimeOptions;
  readonly #environment: Environment;
  readonly #store: CheckpointStore;
  readonly #restart: RestartStrategy;
  readonly #statistics: CheckpointStatistics = {
    completedCount: 0,
    failedCount: 0,
    lastCheckpointId: undefined,
    lastCompletedAtMs: undefined,
    lastDurationMs: 0,
    lastBytes: 0,
    totalBytes: 0,
    totalDurationMs: 0,
  };
  #state: JobState = 'starting';
  #running: RunningAttempt | undefined;
  #attempt = 0;
  #restartCount = 0;
  #lastFailure: unknown;
  #restoredCheckpointId: number | undefined;
  #attemptMetrics = new MetricGroup();
  readonly #request = Promise.withResolvers<Request>();

  /** Checks the job and starts it. @throws UserError when the job as written cannot run. */
  static start(options: RuntimeOptions): JobExecution {
    return new JobExecution(options);
  }

  private constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#environment = options.environment;
    this.graph = createJobGraph(options.buildGraph(), options);
    this.plan = createExecutionPlan(this.graph);
    this.metrics = new MetricGroup({ job: options.jobName });
    this.#restart = createRestartStrategy(options.restart);
    this.#store = new CheckpointStore({
      storage: options.checkpointStorage,
      jobName: options.jobName,
      shard: options.shard ?? '0',
      retainedMax: options.retainedCheckpoints ?? 3,
    });
    this.result = this.#run();
    this.result.catch(() => {}); // Whoever waits for it sees the failure.
  }

  get status(): JobStatus {
    let watermarkMs = MAX_TIMESTAMP_MS;
    const tasks = this.#running?.tasks ?? [];
    for (const task of tasks) watermarkMs = Math.min(watermarkMs, task.watermarkMs);
    return {
      state: this.#state,
      attempt: this.#attempt,
      restartCount: this.#restartCount,
      lastFailure: this.#lastFailure,
      sourceRecordCount: this.#attemptMetrics.sum('numRecordsOut'),
      watermarkMs: tasks.length === 0 ? MIN_TIMESTAMP_MS : watermarkMs,
      restoredCheckpointId: this.#restoredCheckpointId,
      checkpoints: this.#statistics,
    };
  }

  /** Metrics of the running attempt. */
  get attemptMetrics(): MetricGroup {
    return this.#attemptMetrics;
  }

  /** Takes a checkpoint now. @throws ExternalError when none can be taken or it fails. */
  async triggerCheckpoint(): Promise<CompletedCheckpoint> {
    return await this.#attemptInRun().triggerCheckpoint();
  }

  /** Writes a self-contained savepoint into an empty folder; the job goes on. */
  async savepoint(target: ObjectStorage): Promise<CheckpointManifest> {
    const attempt = this.#attemptInRun();
    const { manifest } = await attempt.triggerCheckpoint(true);
    await attempt.commitsDrained();
    await writeSavepoint(manifest, this.#store.storage, target);
    return manifest;
  }

  /**
   * Ends the job with a last checkpoint, its results committed. With `drain` every source ends first, so that all windows
   * fire; without, a later start goes on exactly here.
   */
  async stop(
    options: { readonly drain?: boolean | undefined; readonly savepoint?: ObjectStorage | undefined } = {},
  ): Promise<JobResult> {
    if (options.savepoint !== undefined && this.#running !== undefined) await this.savepoint(options.savepoint);
    this.#request.resolve({ kind: 'stop', isDraining: options.drain ?? false });
    return await this.result;
  }

  /** Ends the job at once; the last complete checkpoint stays where a later start goes on. */
  async cancel(): Promise<JobResult> {
    this.#request.resolve({ kind: 'cancel' });
    return await this.result;
  }

  async #run(): Promise<JobResult> {
    for (;;) {
      let error: unknown;
      try {
        return await this.#runAttempt();
      } catch (failure) {
        error = failure;
      }
      this.#lastFailure = error;
      this.#environment.logger.error('attempt failed', { attempt: this.#attempt, error });
      const delayMs = isRestartable(error) ? this.#restart.onFailure(this.#environment) : undefined;
      if (delayMs === undefined) {
        this.#state = 'failed';
        throw error;
      }
      this.#state = 'restarting';
      this.#restartCount++;
      const request = await Promise.race([this.#request.promise, this.#environment.scheduler.delay(delayMs)]);
      if (request !== undefined) {
        this.#state = 'canceled';
        return { state: 'canceled', lastCheckpointId: this.#statistics.lastCheckpointId };
      }
    }
  }

  async #runAttempt(): Promise<JobResult> {
    const running = await this.#recover();
    if (running === undefined) {
      this.#state = 'finished';
      return { state: 'finished', lastCheckpointId: this.#restoredCheckpointId };
    }
    this.#running = running;
    try {
      await running.start();
      this.#state = 'running';
      const request = await Promise.race([running.finished, this.#request.promise]);
      if (request !== undefined) return await this.#carryOut(request, running);
      return await this.#complete(running, 'finished');
    } finally {
      this.#running = undefined;
      await running.close();
    }
  }

  async #carryOut(request: Request, running: RunningAttempt): Promise<JobResult> {
    if (request.kind === 'cancel') {
      this.#state = 'canceled';
      return { state: 'canceled', lastCheckpointId: this.#statistics.lastCheckpointId };
    }
    this.#state = 'stopping';
    if (request.isDraining) {
      running.drain();
      await running.finished;
    }
    return await this.#complete(running, 'stopped');
  }

  /** The last checkpoint, and its results committed. */
  async #complete(running: RunningAttempt, state: 'finished' | 'stopped'): Promise<JobResult> {
    const failure = Promise.withResolvers<never>();
    running.finished.catch(failure.reject);
    const { manifest } = await Promise.race([running.triggerCheckpoint(), failure.promise]);
    await running.commitsDrained();
    this.#state = state;
    return { state, lastCheckpointId: manifest.checkpointId };
  }

  /** Claims the chain and restores from the newest good checkpoint; undefined when the job was over already. */
  async #recover(): Promise<RunningAttempt | undefined> {
    const claim = await this.#store.claim();
    this.#attempt = claim.attempt;
    const stateFiles = new StateFileRegistry(this.#store, this.#environment.logger);
    const corruptIds: number[] = [];
    let corruption: unknown;
    for (const checkpointId of claim.candidates) {
      try {
        const manifest = await this.#store.read(checkpointId);
        stateFiles.register(manifest);
        if (corruption === undefined && manifest.isFinal) {
          this.#restoredCheckpointId = checkpointId;
          if (manifest.pendingCommits.length === 0) return undefined;
        }
        const running = await this.#createAttempt(manifest, claim.lastCheckpointId, stateFiles);
        if (corruptIds.length > 0) {
          this.#environment.logger.warn(
            `going on from checkpoint ${checkpointId}; results after it may be written to sinks again`,
          );
        }
        this.#store.forget(corruptIds);
        await this.#registerOlder(claim.candidates, checkpointId, stateFiles);
        return running;
      } catch (error) {
        if (!(error instanceof CheckpointCorruptError)) throw error;
        corruption = error;
        corruptIds.push(checkpointId);
        this.#environment.logger.warn(
          `checkpoint ${checkpointId} is corrupt, falling back to the one before: ${error.message}`,
        );
      }
    }
    if (corruption !== undefined) {
      throw new UserError(
        'CHECKPOINT_CORRUPT',
        `no retained checkpoint of job '${this.#options.jobName}' in ${this.#store.storage.description} can be read`,
        {
          cause: corruption,
          hint: 'Restore from a savepoint, or start anew with another checkpoint folder.',
        },
      );
    }
    return await this.#createAttempt(await this.#importSavepoint(), claim.lastCheckpointId, stateFiles);
  }

  async #importSavepoint(): Promise<CheckpointManifest | undefined> {
    const { fromSavepoint } = this.#options;
    if (fromSavepoint === undefined) return undefined;
    const prefix = `${this.#store.prefix}/restored-${this.#attempt}`;
    return await importSavepoint(fromSavepoint, this.#store.storage, prefix);
  }

  async #registerOlder(
    candidates: readonly number[],
    restoredId: number,
    stateFiles: StateFileRegistry,
  ): Promise<void> {
    for (const checkpointId of candidates) {
      if (checkpointId >= restoredId) continue;
      try {
        stateFiles.register(await this.#store.read(checkpointId));
      } catch (error) {
        this.#environment.logger.warn(`retained checkpoint ${checkpointId} cannot be read`, { reason: String(error) });
      }
    }
  }

  async #createAttempt(
    manifest: CheckpointManifest | undefined,
    lastCheckpointId: number,
    stateFiles: StateFileRegistry,
  ): Promise<RunningAttempt> {
    const options = this.#options;
    if (manifest !== undefined) {
      checkRestorable(manifest, this.graph, {
        jobName: options.jobName,
        where: this.#store.storage.url(this.#store.manifestKey(manifest.checkpointId)),
        allowNonRestoredState: options.allowNonRestoredState ?? false,
      });
    }
    const cacheBytes = options.cacheBytes ?? CACHE_BYTES_DEFAULT;
    const decodedBytesMax = cacheBytes * (options.decodedCacheShare ?? DECODED_CACHE_SHARE_DEFAULT);
    this.#attemptMetrics = new MetricGroup({ attempt: String(this.#attempt) });
    // Readers, writers and operators are made from the graph again, so that nothing of a failed attempt is shared.
    const graph = createJobGraph(options.buildGraph(), options);
    const running = await RunningAttempt.create({
      environment: this.#environment,
      metrics: this.#attemptMetrics,
      jobName: options.jobName,
      shard: options.shard ?? '0',
      attempt: this.#attempt,
      graph,
      plan: this.plan,
      manifest,
      checkpointStore: this.#store,
      stateFiles,
      checkpointOptions: {
        intervalMs: options.checkpointInterval === undefined ? undefined : durationMs(options.checkpointInterval),
        timeoutMs: durationMs(options.checkpointTimeout ?? '10m'),
        minPauseMs: durationMs(options.checkpointMinPause ?? 0),
        tolerableFailures: options.tolerableFailedCheckpoints ?? 5,
      },
      statistics: this.#statistics,
      firstCheckpointId: lastCheckpointId + 1,
      pageStore: await options.openPageStore(this.#attempt),
      decodedBytesMax,
      encodedBytesMax: cacheBytes - decodedBytesMax,
      batchRecords: options.batchRecords ?? 1024,
    });
    this.#restoredCheckpointId = manifest?.checkpointId;
    return running;
  }

  #attemptInRun(): RunningAttempt {
    if (this.#running === undefined) {
      throw new ExternalError('CHECKPOINT_FAILED', `the job is ${this.#state}; a checkpoint needs it running`);
    }
    return this.#running;
  }
}

/** Whether trying again can help: not after a wrong definition, and not after another attempt has taken over. */
function isRestartable(error: unknown): boolean {
  if (!(error instanceof TidemarkError)) return true;
  if (error.code === 'OWNERSHIP_LOST') return false;
  return error.domain !== 'user' || error.code === 'USER_FUNCTION';
}
