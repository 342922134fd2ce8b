import { CheckpointCorruptError, UserError } from '../base/errors.ts';
import { MetricGroup } from '../base/metrics.ts';
import { CheckpointStore, type Claim } from '../checkpoint/checkpoint-store.ts';
import type { CheckpointStatistics } from '../checkpoint/coordinator.ts';
import type { CheckpointManifest, FoundCheckpoint } from '../checkpoint/manifest.ts';
import { checkRestorable, incompatibilityError } from '../checkpoint/compatibility.ts';
import { importSavepoint, locateSavepoint, readSavepoint } from '../checkpoint/savepoint.ts';
import { StateFileRegistry } from '../checkpoint/state-file-registry.ts';
import type { ExecutionPlan } from '../graph/execution-plan.ts';
import { createJobGraph, type JobGraph } from '../graph/job-graph.ts';
import { durationMs } from '../time/duration.ts';
import { checkJobStates, unlessCorrupt } from './check-job-states.ts';
import { commitPending } from './committers.ts';
import { LocalTaskHost } from './local-task-host.ts';
import { type Hosts, RunningAttempt } from './running-attempt.ts';
import {
  CACHE_BYTES_DEFAULT,
  DECODED_CACHE_SHARE_DEFAULT,
  LAZY_RESTORE_BYTES_DEFAULT,
  type RuntimeOptions,
} from './runtime-options.ts';
import type { TaskHostListener } from './task-host.ts';
import { startWorkerHosts } from './worker-hosts.ts';

export interface Recovered {
  /** Restored, not yet started; undefined when the job was over already, but for `commit`. */
  readonly running: RunningAttempt | undefined;
  /** Commits what a job that was over has left to commit. */
  commit(): Promise<void>;
  /** The checkpoint it goes on from; undefined when it starts anew. */
  readonly restoredCheckpointId: number | undefined;
  readonly metrics: MetricGroup;
}

/** Makes the next attempt of a job: takes the checkpoint chain over and restores from the newest checkpoint that is whole. */
export class Recovery {
  readonly #options: RuntimeOptions;
  readonly #plan: ExecutionPlan;
  readonly #statistics: CheckpointStatistics;
  readonly #store: CheckpointStore;
  #attempt = 0;
  /** Checkpoints completed when the last attempt was made. */
  #completedBefore: number | undefined = undefined;
  #stateFiles: StateFileRegistry | undefined;

  constructor(options: RuntimeOptions, plan: ExecutionPlan, statistics: CheckpointStatistics) {
    this.#options = options;
    this.#plan = plan;
    this.#statistics = statistics;
    this.#store = new CheckpointStore({
      storage: options.checkpointStorage,
      jobName: options.jobName,
      shard: options.shard ?? '0',
      retainedMax: options.retainedCheckpoints ?? 3,
      newId: () => options.environment.newId(),
    });
  }

  /** Number of the attempt recovered last; 0 before the first. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Calls back with the last complete checkpoint, whose files stay until it is done; with undefined when there is none. */
  async withNewestCheckpoint<T>(use: (found: FoundCheckpoint | undefined) => Promise<T>): Promise<T> {
    const [checkpointId] = this.#store.retained;
    const stateFiles = this.#stateFiles;
    if (checkpointId === undefined || stateFiles === undefined) return await use(undefined);
    // Before anything is read: a newer checkpoint may take its place meanwhile.
    stateFiles.hold(checkpointId);
    try {
      return await use(await this.#store.find(checkpointId));
    } finally {
      await stateFiles.unhold(checkpointId);
    }
  }

  /** @throws UserError CHECKPOINT_CORRUPT when no retained checkpoint is whole, STATE_INCOMPATIBLE when it does not fit. */
  async recover(): Promise<Recovered> {
    const { logger } = this.#options.environment;
    if (this.#attempt === 0) await this.#checkStates();
    const claim = await this.#store.claim(await this.#attemptMin());
    this.#attempt = claim.attempt;
    const stateFiles = new StateFileRegistry(this.#store, logger);
    this.#stateFiles = stateFiles;
    const corruptIds: number[] = [];
    let corruption: unknown;
    for (const checkpointId of claim.candidates) {
      try {
        const manifest = await this.#store.read(checkpointId);
        this.#check(manifest, this.#store.storage.url(this.#store.manifestKey(manifest)));
        if (manifest.isFinal && corruption === undefined) return this.#ended(manifest);
        const recovered = await this.#createAttempt(manifest, claim, stateFiles);
        if (corruptIds.length > 0)
          logger.warn(`going on from checkpoint ${checkpointId}; results after it may be written to sinks again`);
        else logger.info(`going on from checkpoint ${checkpointId}`, { completed: timeText(manifest.completedAtMs) });
        this.#store.forget(corruptIds);
        stateFiles.register(manifest);
        await this.#registerOlder(claim.candidates, checkpointId, stateFiles);
        return recovered;
      } catch (error) {
        if (!(error instanceof CheckpointCorruptError)) throw error;
        corruption = error;
        corruptIds.push(checkpointId);
        logger.warn(`checkpoint ${checkpointId} is corrupt, falling back to the one before: ${error.message}`);
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
    return await this.#createFirst(claim, stateFiles);
  }

  /**
   * Before anything is taken over: an instance of the job that runs goes on when the new one does not fit its state. What
   * cannot be read here is dealt with when it is restored.
   */
  async #checkStates(): Promise<void> {
    const { fromSavepoint, environment, allowNonRestoredState = false } = this.#options;
    const found =
      (await unlessCorrupt(this.#store.readNewest())) ??
      (fromSavepoint === undefined ? undefined : await unlessCorrupt(locateSavepoint(fromSavepoint)));
    if (found === undefined) return;
    const graph = createJobGraph(this.#options.buildGraph(), this.#options);
    const { jobName } = this.#options;
    const { manifest, storage, where } = found;
    const options = { environment, jobName, where, allowNonRestoredState };
    const compatibility = await unlessCorrupt(checkJobStates(manifest, storage, graph, options));
    const error = incompatibilityError(compatibility?.problems ?? []);
    if (error !== undefined) throw error;
  }

  /** Sinks tell a newer attempt by its number, so a job that starts from a savepoint counts on from there. */
  async #attemptMin(): Promise<number> {
    const { fromSavepoint } = this.#options;
    if (fromSavepoint === undefined || this.#attempt > 0) return 1;
    return ((await readSavepoint(fromSavepoint))?.attempt ?? 0) + 1;
  }

  /** The job has ended in this checkpoint: nothing is run, so that nothing is emitted at an end a second time. */
  #ended(manifest: CheckpointManifest): Recovered {
    const { environment, jobName, buildGraph } = this.#options;
    const metrics = new MetricGroup({ attempt: String(this.#attempt) });
    const graph = createJobGraph(buildGraph(), this.#options);
    const options = { environment, jobName, attempt: this.#attempt, checkpointStore: this.#store, metrics, graph };
    environment.logger.info(
      `'${jobName}' has ended already, in checkpoint ${manifest.checkpointId}, so nothing is run: give it another checkpoint folder to begin anew`,
    );
    return {
      running: undefined,
      commit: () => commitPending(options, manifest),
      restoredCheckpointId: manifest.checkpointId,
      metrics,
    };
  }

  /** The first attempt on an empty chain: from a savepoint, or anew. */
  async #createFirst(claim: Claim, stateFiles: StateFileRegistry): Promise<Recovered> {
    const { fromSavepoint } = this.#options;
    if (fromSavepoint === undefined) return await this.#createAttempt(undefined, claim, stateFiles);
    const prefix = `${this.#store.prefix}/restored-${this.#attempt}`;
    const manifest = await importSavepoint(fromSavepoint, this.#store.storage, prefix, (found, where) =>
      this.#check(found, where),
    );
    try {
      const recovered = await this.#createAttempt(manifest, claim, stateFiles);
      this.#options.environment.logger.info(`starting from the savepoint in ${fromSavepoint.description}`, {
        completed: timeText(manifest.completedAtMs),
      });
      return recovered;
    } catch (error) {
      if (!(error instanceof CheckpointCorruptError)) throw error;
      throw new UserError('CHECKPOINT_CORRUPT', `the savepoint in ${fromSavepoint.description} is damaged`, {
        cause: error,
      });
    }
  }

  #check(manifest: CheckpointManifest, where: string): void {
    const { jobName, allowNonRestoredState = false } = this.#options;
    const graph = createJobGraph(this.#options.buildGraph(), this.#options);
    checkRestorable(manifest, graph, { jobName, where, allowNonRestoredState });
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
        stateFiles.markIncomplete();
        this.#options.environment.logger.warn(`retained checkpoint ${checkpointId} cannot be read`, {
          reason: String(error),
        });
      }
    }
  }

  async #createAttempt(
    manifest: CheckpointManifest | undefined,
    claim: Claim,
    stateFiles: StateFileRegistry,
  ): Promise<Recovered> {
    const options = this.#options;
    const metrics = new MetricGroup({ attempt: String(claim.attempt) });
    // Readers, writers and operators are made from the graph again, so that nothing of a failed attempt is shared.
    const graph = createJobGraph(options.buildGraph(), options);
    const running = await RunningAttempt.create({
      environment: options.environment,
      metrics,
      jobName: options.jobName,
      shard: options.shard ?? '0',
      attempt: claim.attempt,
      graph,
      plan: this.#plan,
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
      // Of a savepoint too the ids go on, so that no sink takes a commit for one that it knows.
      firstCheckpointId: Math.max(claim.lastCheckpointId, manifest?.checkpointId ?? 0) + 1,
      createHosts: (listener) => this.#createHosts({ graph, manifest, claim, metrics, listener }),
    });
    return { running, commit: () => Promise.resolve(), restoredCheckpointId: manifest?.checkpointId, metrics };
  }

  /**
   * Damage in what is restored late fails the attempt, before its first checkpoint. So an attempt that follows one without a
   * checkpoint reads everything at first, and falls back to an older checkpoint when it has to.
   */
  #mayRestoreLazily(): boolean {
    const { completedCount } = this.#statistics;
    const mayBe = this.#completedBefore === undefined || completedCount > this.#completedBefore;
    this.#completedBefore = completedCount;
    return mayBe;
  }

  /** All tasks on this thread, or on worker threads. */
  async #createHosts(given: {
    readonly graph: JobGraph;
    readonly manifest: CheckpointManifest | undefined;
    readonly claim: Claim;
    readonly metrics: MetricGroup;
    readonly listener: TaskHostListener;
  }): Promise<Hosts> {
    const { environment, jobName, batchRecords, openPageStore, workers, ...options } = this.#options;
    const { graph, manifest, claim, metrics, listener } = given;
    const cacheBytes = options.cacheBytes ?? CACHE_BYTES_DEFAULT;
    const decodedBytesMax = cacheBytes * (options.decodedCacheShare ?? DECODED_CACHE_SHARE_DEFAULT);
    const parts = {
      environment,
      metrics,
      listener,
      jobName,
      attempt: claim.attempt,
      graph,
      plan: this.#plan,
      manifest,
      storagePrefix: this.#store.prefix,
      decodedBytesMax,
      encodedBytesMax: cacheBytes - decodedBytesMax,
      lazyRestoreBytes: this.#mayRestoreLazily() ? (options.lazyRestoreBytes ?? LAZY_RESTORE_BYTES_DEFAULT) : Infinity,
      batchRecords: batchRecords ?? 1024,
    };
    const { storage } = this.#store;
    if (workers !== undefined && workers.count > 0) {
      const { parallelism, maxParallelism, watermarkAlignment } = options;
      return await startWorkerHosts({
        ...parts,
        workers,
        jobOptions: { parallelism, maxParallelism, watermarkAlignment },
        storageUrl: workers.checkpoints ?? storage.url('').replace(/\/+$/, ''),
      });
    }
    const pageStore = await openPageStore(claim.attempt);
    const host = await LocalTaskHost.create({ ...parts, storage, pageStore });
    return { hosts: [host], placement: this.#plan.subtasks.map(() => 0) };
  }
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
