import type { Environment } from '../base/environment.ts';
import { describeError, ExternalError, TidemarkError } from '../base/errors.ts';
import { MetricGroup } from '../base/metrics.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { CheckpointStatistics, CompletedCheckpoint } from '../checkpoint/coordinator.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import { checkSavepointTarget } from '../checkpoint/savepoint.ts';
import { createExecutionPlan, type ExecutionPlan } from '../graph/execution-plan.ts';
import { createJobGraph, type JobGraph } from '../graph/job-graph.ts';
import { TaskError } from '../task/task-error.ts';
import { MIN_TIMESTAMP_MS } from '../time/timestamps.ts';
import { Recovery, type Recovered } from './recovery.ts';
import { createRestartStrategy, type RestartStrategy } from './restart-strategy.ts';
import type { RunningAttempt } from './running-attempt.ts';
import type { RuntimeOptions } from './runtime-options.ts';
import { queryState, type StateAnswer, type StateQuery } from './state-query.ts';
import type { QueryableOperator } from './state-read.ts';
import { type TaskLoadStatus, taskLoadsOf } from './task-load-status.ts';
import { checkWorkers } from './worker-hosts.ts';

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

interface StopRequest {
  /** End all sources first, so that every window fires. */
  readonly isDraining: boolean;
  /** Where the last checkpoint is copied to. */
  readonly savepoint: ObjectStorage | undefined;
}

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
  readonly #environment: Environment;
  readonly #recovery: Recovery;
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
  #recovered: Recovered | undefined;
  #attemptEnd = Promise.withResolvers<never>();
  #restartCount = 0;
  #lastFailure: unknown;
  #stopRequest: StopRequest | undefined;
  #savepointWritten: ObjectStorage | undefined;
  readonly #stop = Promise.withResolvers<StopRequest>();
  readonly #cancel = Promise.withResolvers<void>();

  /** Checks the job and starts it. @throws UserError when the job as written cannot run. */
  static start(options: RuntimeOptions): JobExecution {
    return new JobExecution(options);
  }

  private constructor(options: RuntimeOptions) {
    this.#environment = options.environment;
    if (options.workers !== undefined) checkWorkers(options.workers);
    this.graph = createJobGraph(options.buildGraph(), options);
    this.plan = createExecutionPlan(this.graph);
    this.metrics = new MetricGroup({ job: options.jobName });
    this.#restart = createRestartStrategy(options.restart);
    this.#recovery = new Recovery(options, this.plan, this.#statistics);
    this.result = this.#run();
    this.result.catch(() => {}); // Whoever waits for it sees the failure.
  }

  get status(): JobStatus {
    return {
      state: this.#state,
      attempt: this.#recovery.attempt,
      restartCount: this.#restartCount,
      lastFailure: this.#lastFailure,
      sourceRecordCount: this.attemptMetrics.sum('numRecordsOut'),
      watermarkMs: this.#running?.watermarkMs ?? MIN_TIMESTAMP_MS,
      restoredCheckpointId: this.#recovered?.restoredCheckpointId,
      checkpoints: this.#statistics,
    };
  }

  /** How the subtasks of the running attempt spend their time. */
  get taskLoads(): TaskLoadStatus[] {
    return taskLoadsOf(this.attemptMetrics);
  }

  /** Metrics of the running attempt. */
  get attemptMetrics(): MetricGroup {
    return this.#recovered?.metrics ?? NO_METRICS;
  }

  /**
   * Runs everything that can run now, before it returns; what waits for I/O or for the clock is left. For test drivers.
   *
   * @throws what the job fails with meanwhile; ExternalError when it is not running.
   */
  runUntilIdle(): void {
    this.#attemptInRun().runUntilIdle();
  }

  /** Takes a checkpoint now. @throws ExternalError when none can be taken or it fails. */
  async triggerCheckpoint(): Promise<CompletedCheckpoint> {
    return await this.#attemptInRun().triggerCheckpoint();
  }

  /** Writes a self-contained savepoint into an empty folder; the job goes on. */
  async savepoint(target: ObjectStorage): Promise<CheckpointManifest> {
    const attempt = this.#attemptInRun();
    await checkSavepointTarget(target);
    const { manifest } = await attempt.triggerCheckpoint({ isFull: true });
    await attempt.writeSavepoint(manifest, target);
    return manifest;
  }

  /** What `queryState` can be asked for. @throws ExternalError when the job is not running. */
  queryableOperators(): readonly QueryableOperator[] {
    return this.#attemptInRun().operators.map(({ operator, name, states }) => ({ operator, name, states }));
  }

  /**
   * Looks up what an operator keeps for a key: see `queryState`.
   *
   * @throws UserError NOT_FOUND for an unknown operator or state; ExternalError when the job is not running.
   */
  async queryState(query: StateQuery): Promise<StateAnswer> {
    const attempt = this.#attemptInRun();
    return await queryState(query, {
      operators: attempt.operators,
      hostOf: (taskId) => attempt.hostOf(taskId),
      plan: this.plan,
      maxParallelism: this.graph.maxParallelism,
      ended: this.#attemptEnd.promise,
      withNewestCheckpoint: (use) => this.#recovery.withNewestCheckpoint(use),
    });
  }

  /**
   * Ends the job with a last checkpoint, its results committed. With `drain` every source ends first, so that all windows
   * fire; without, a later start goes on exactly here. With `savepoint` the last checkpoint is copied there too: who starts
   * from it repeats and misses nothing.
   *
   * @throws what failed, when the job was to be drained or copied and could not be.
   */
  async stop(
    options: { readonly drain?: boolean | undefined; readonly savepoint?: ObjectStorage | undefined } = {},
  ): Promise<JobResult> {
    if (options.savepoint !== undefined) await checkSavepointTarget(options.savepoint);
    this.#stopRequest ??= { isDraining: options.drain ?? false, savepoint: options.savepoint };
    this.#stop.resolve(this.#stopRequest);
    const result = await this.result;
    if (options.savepoint !== undefined && options.savepoint !== this.#savepointWritten) {
      throw new ExternalError('CHECKPOINT_FAILED', `the job was ${result.state} before a savepoint could be written`);
    }
    return result;
  }

  /** Ends the job at once; the last complete checkpoint stays where a later start goes on. */
  async cancel(): Promise<JobResult> {
    this.#cancel.resolve();
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
      const isKnown = gistOf(error) === gistOf(this.#lastFailure);
      this.#lastFailure = error;
      const delayMs = isRestartable(error) ? this.#restart.onFailure(this.#environment) : undefined;
      if (delayMs === undefined || this.#isPromised(this.#stopRequest)) {
        this.#state = 'failed';
        throw error; // Seen by whoever waits for the result.
      }
      this.#logFailure(error, isKnown, delayMs);
      this.#state = 'restarting';
      this.#restartCount++;
      const { promise: stop } = this.#stop;
      const end = await Promise.race([
        this.#environment.scheduler.delay(delayMs),
        this.#cancel.promise.then(() => 'cancel' as const),
        stop,
      ]);
      if (end === undefined) continue;
      if (end !== 'cancel' && this.#isPromised(end)) {
        this.#state = 'failed';
        throw error;
      }
      return this.#canceled();
    }
  }

  /** An error that stays the same is told once. */
  #logFailure(error: unknown, isKnown: boolean, delayMs: number): void {
    const { logger } = this.#environment;
    const next = `next try in ${(delayMs / 1000).toFixed(1)} s`;
    const what = `attempt ${this.#restartCount + 1} failed`;
    if (isKnown) logger.warn(`${what} with the same error, ${next}`);
    else logger.error(`${what}, ${next}`, { error });
  }

  /** Whether the stop asked for must not end in anything less. */
  #isPromised(request: StopRequest | undefined): boolean {
    return request !== undefined && (request.isDraining || request.savepoint !== undefined);
  }

  async #runAttempt(): Promise<JobResult> {
    const recovered = await this.#recovery.recover();
    this.#recovered = recovered;
    const { running } = recovered;
    if (running === undefined) {
      const committed = recovered.commit().then(() => true);
      if (!(await Promise.race([committed, this.#cancel.promise]))) return this.#canceled();
      this.#state = 'finished';
      return { state: 'finished', lastCheckpointId: recovered.restoredCheckpointId };
    }
    this.#running = running;
    this.#attemptEnd = Promise.withResolvers<never>();
    this.#attemptEnd.promise.catch(() => {}); // Only who asks something then waits for it.
    try {
      const work = this.#startAndFollow(running);
      const result = await Promise.race([work, this.#cancel.promise]);
      return result ?? this.#canceled();
    } finally {
      this.#running = undefined;
      this.#attemptEnd.reject(new ExternalError('CANCELED', 'the attempt ended before the query was answered'));
      await running.close();
    }
  }

  async #startAndFollow(running: RunningAttempt): Promise<JobResult> {
    await running.start();
    this.#state = 'running';
    const request = await Promise.race([running.finished, this.#stop.promise]);
    if (request === undefined) return await this.#complete(running, 'finished', this.#stopRequest?.savepoint);
    this.#state = 'stopping';
    if (request.isDraining) {
      running.drain();
      await running.finished;
    }
    return await this.#complete(running, 'stopped', request.savepoint);
  }

  /** The last checkpoint, and its results committed. */
  async #complete(
    running: RunningAttempt,
    state: 'finished' | 'stopped',
    savepoint: ObjectStorage | undefined,
  ): Promise<JobResult> {
    running.suspendCheckpoints();
    const kind = { isFull: savepoint !== undefined, isLast: true };
    const { manifest } = await Promise.race([running.triggerCheckpoint(kind), running.failed]);
    if (savepoint !== undefined) await running.writeSavepoint(manifest, savepoint);
    else if (this.#isPromised(this.#stopRequest) || state === 'finished') await running.commitsDrained();
    else await this.#commitsDrainedSoon(running);
    this.#savepointWritten = savepoint;
    this.#state = state;
    return { state, lastCheckpointId: manifest.checkpointId };
  }

  /** A sink that is down does not keep a job from stopping: what it lacks stands in the checkpoint. */
  async #commitsDrainedSoon(running: RunningAttempt): Promise<void> {
    const late = Promise.withResolvers<'late'>();
    const timer = this.#environment.scheduler.setTimer(STOP_COMMITS_MS_MAX, () => late.resolve('late'));
    const outcome = await Promise.race([running.commitsDrained(), late.promise]).finally(() => timer.cancel());
    if (outcome !== 'late') return;
    this.#environment.logger.warn('stopped before a sink had committed its last results; the next start commits them');
  }

  #canceled(): JobResult {
    this.#state = 'canceled';
    const lastCheckpointId = this.#statistics.lastCheckpointId ?? this.#recovered?.restoredCheckpointId;
    return { state: 'canceled', lastCheckpointId };
  }

  #attemptInRun(): RunningAttempt {
    if (this.#running === undefined) {
      throw new ExternalError('CHECKPOINT_FAILED', `the job is ${this.#state}, it would have to be running`);
    }
    return this.#running;
  }
}

const NO_METRICS = new MetricGroup();
/** How long a stop waits for sinks to commit, milliseconds. */
const STOP_COMMITS_MS_MAX = 30_000;

/** What an error comes down to: what to do about it, else what it says but for figures. */
function gistOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof TidemarkError && cause.hint !== undefined) return `${cause.code}: ${cause.hint}`;
  return describeError(error).replaceAll(/\d+/g, '#');
}

/**
 * Whether trying again can help: not after a wrong definition, not after another attempt has taken over, and not after an
 * answer from outside that will stay the same. What failed in a task, or kept a checkpoint from being taken, counts by its
 * cause; a producer that was fenced there is opened anew.
 */
function isRestartable(error: unknown): boolean {
  if (!(error instanceof TidemarkError)) return true;
  if (error.code === 'OWNERSHIP_LOST') return false;
  if (error instanceof TaskError && error.code === 'FENCED') return true;
  if ((error instanceof TaskError || error.code === 'CHECKPOINT_FAILED') && error.cause !== undefined)
    return isRestartable(error.cause);
  if (error instanceof ExternalError) return error.retryable;
  return error.domain !== 'user' || error.code === 'USER_FUNCTION';
}
