import { assert } from '../base/assert.ts';
import type { Environment } from '../base/environment.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { PageStore } from '../../state/store/page-store.ts';
import {
  CheckpointCoordinator,
  type CheckpointKind,
  type CheckpointOptions,
  type CheckpointStatistics,
  type CompletedCheckpoint,
} from '../checkpoint/coordinator.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts';
import { CommitQueue } from '../checkpoint/commit-queue.ts';
import { findFinishedVertices } from '../checkpoint/finished-subtasks.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import { writeSavepoint } from '../checkpoint/savepoint.ts';
import type { StateFileRegistry } from '../checkpoint/state-file-registry.ts';
import type { Barrier } from '../exchange/control-element.ts';
import type { ExecutionPlan } from '../graph/execution-plan.ts';
import type { JobGraph } from '../graph/job-graph.ts';
import { uidOf } from '../graph/node-uid.ts';
import type { Committer } from '../task/sink.ts';
import type { Task } from '../task/task.ts';
import { TaskError } from '../task/task-error.ts';
import { AlignmentCoordinator } from './alignment-coordinator.ts';
import { buildTasks, type BuiltTask } from './attempt.ts';
import { createCommitters } from './committers.ts';
import { Executor } from './executor.ts';
import { SourceCoordinator } from './source-coordinator.ts';
import { EpochLostError, snapshotTask } from './task-snapshot.ts';

export interface AttemptOptions {
  readonly environment: Environment;
  readonly metrics: MetricGroup;
  readonly jobName: string;
  readonly shard: string;
  readonly attempt: number;
  readonly graph: JobGraph;
  readonly plan: ExecutionPlan;
  /** The checkpoint to start from. */
  readonly manifest: CheckpointManifest | undefined;
  readonly checkpointStore: CheckpointStore;
  readonly stateFiles: StateFileRegistry;
  readonly checkpointOptions: CheckpointOptions;
  readonly statistics: CheckpointStatistics;
  readonly firstCheckpointId: number;
  readonly pageStore: PageStore;
  readonly decodedBytesMax: number;
  readonly encodedBytesMax: number;
  readonly batchRecords: number;
}

/** One attempt of a job: its tasks, sources, sinks and coordinator, from restore to the end or the first failure. */
export class RunningAttempt {
  readonly attempt: number;
  /** Resolves when all tasks have finished; rejects with the first failure. */
  readonly finished: Promise<void>;
  /** Rejects with the first failure, also after the tasks have finished: while the last results are stored. */
  readonly failed: Promise<never>;
  readonly #options: AttemptOptions;
  readonly #executor: Executor;
  readonly #sources = new Map<string, SourceCoordinator>();
  readonly #alignment: AlignmentCoordinator;
  readonly #committers: Map<string, Committer>;
  readonly #commits: CommitQueue;
  readonly #coordinator: CheckpointCoordinator;
  #built: readonly BuiltTask[] = [];
  #finishedCount = 0;
  /** Tasks that are writing what a barrier has cut. */
  #snapshotCount = 0;
  #failure: { readonly error: unknown } | undefined;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  #isClosed = false;

  /** Restores everything and opens nothing yet. Throws CheckpointCorruptError when a state file is torn. */
  static async create(options: AttemptOptions): Promise<RunningAttempt> {
    const committers = new Map<string, Committer>();
    const attempt = new RunningAttempt(options, committers);
    try {
      await attempt.#build();
      return attempt;
    } catch (error) {
      await attempt.close();
      throw error;
    }
  }

  private constructor(options: AttemptOptions, committers: Map<string, Committer>) {
    this.#options = options;
    this.attempt = options.attempt;
    this.#committers = committers;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.finished = promise;
    this.finished.catch(() => {}); // Whoever waits for it sees the failure; nobody may be waiting yet.
    const failed = Promise.withResolvers<never>();
    this.failed = failed.promise;
    this.failed.catch(() => {});
    this.#resolve = resolve;
    this.#reject = (error) => {
      this.#failure ??= { error };
      reject(error);
      failed.reject(error);
    };
    const { environment } = options;
    this.#executor = new Executor(environment);
    this.#alignment = new AlignmentCoordinator(environment, options.graph.alignedSources, () => this.#executor.wake());
    const onFatal = (error: unknown): void => this.#reject(error);
    this.#commits = new CommitQueue({ environment, logger: environment.logger, committers, onFatal });
    this.#coordinator = new CheckpointCoordinator({
      environment,
      logger: environment.logger,
      store: options.checkpointStore,
      files: options.stateFiles,
      commits: this.#commits,
      participants: {
        taskIds: options.plan.subtasks.map((subtask) => subtask.taskId),
        taskName: (taskId) => this.#built[taskId]!.task.name,
        waitingFor: (taskId, checkpointId) => this.#waitingFor(taskId, checkpointId),
        trigger: (barrier) => {
          for (const { task } of this.#built) task.triggerCheckpoint(barrier);
        },
        isSnapshotting: () => this.#snapshotCount > 0,
        snapshotEnumerators: (checkpointId) =>
          Object.fromEntries([...this.#sources].map(([uid, source]) => [uid, source.snapshot(checkpointId)])),
        notifyComplete: (checkpointId) => this.#notifyComplete(checkpointId),
        isFinished: () => this.hasFinished,
      },
      options: options.checkpointOptions,
      identity: { jobName: options.jobName, shard: options.shard, attempt: options.attempt },
      firstCheckpointId: options.firstCheckpointId,
      statistics: options.statistics,
      onFatal,
    });
  }

  get tasks(): readonly Task[] {
    return this.#built.map(({ task }) => task);
  }

  get hasFinished(): boolean {
    return this.#finishedCount === this.#built.length;
  }

  /** Commits what the restored checkpoint left uncommitted, opens the tasks, and runs until `close`. */
  async start(): Promise<void> {
    await createCommitters(this.#options, this.#committers);
    this.#commits.add(this.#options.manifest?.pendingCommits ?? []);
    for (const { task } of this.#built) await task.open();
    for (const source of this.#sources.values()) await source.start();
    if (this.#isClosed) return;
    this.#coordinator.start();
    this.#alignment.start();
    this.#executor.run(this.tasks).catch((error: unknown) => this.#reject(error));
  }

  /** See `Executor.runUntilIdle`. Throws what the attempt has failed with. */
  runUntilIdle(): void {
    if (this.#failure === undefined && !this.#isClosed) this.#executor.runUntilIdle();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  triggerCheckpoint(kind: CheckpointKind = {}): Promise<CompletedCheckpoint> {
    return this.#coordinator.trigger(kind);
  }

  /** From here on checkpoints are only taken when asked for, so that the next one is the last. */
  suspendCheckpoints(): void {
    this.#coordinator.suspend();
  }

  /** Copies a complete checkpoint, results committed, into a folder of its own. */
  async writeSavepoint(manifest: CheckpointManifest, target: ObjectStorage): Promise<void> {
    const { stateFiles, checkpointStore } = this.#options;
    stateFiles.hold(manifest.checkpointId);
    try {
      await this.commitsDrained(manifest.checkpointId);
      await writeSavepoint(manifest, checkpointStore.storage, target);
    } finally {
      await stateFiles.unhold(manifest.checkpointId);
    }
  }

  /** Resolves when the sinks have committed all complete checkpoints; rejects when the attempt ends before. */
  async commitsDrained(checkpointId?: number): Promise<void> {
    await Promise.race([this.#commits.drained(checkpointId), this.failed]);
  }

  /** Ends all sources as if they had been read to the end: MAX watermark, windows fire, everything flows out. */
  drain(): void {
    for (const { task } of this.#built) task.drainSource();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#coordinator.stop();
    this.#alignment.close();
    this.#commits.stop();
    this.#executor.stop();
    const closers: Promise<unknown>[] = [];
    for (const { task } of this.#built) closers.push(task.close());
    for (const source of this.#sources.values()) closers.push(source.close());
    for (const committer of this.#committers.values()) closers.push(committer.close());
    for (const result of await Promise.allSettled(closers)) {
      if (result.status === 'rejected') {
        this.#options.environment.logger.warn('a part of the job did not close cleanly', {
          reason: String(result.reason),
        });
      }
    }
    await this.#options.pageStore.close();
  }

  async #build(): Promise<void> {
    const { graph, environment, manifest } = this.#options;
    const onFailure = (error: unknown): void => this.#reject(error);
    for (const vertex of graph.vertices) {
      if (vertex.head.kind !== 'source') continue;
      const node = vertex.head;
      const uid = uidOf(node);
      this.#sources.set(
        uid,
        new SourceCoordinator({ environment, vertex, node, restored: manifest?.operators[uid], onFailure }),
      );
    }
    this.#built = await buildTasks({
      ...this.#options,
      storage: this.#options.checkpointStore.storage,
      storagePrefix: this.#options.checkpointStore.prefix,
      finishedVertexIds: findFinishedVertices(manifest, graph),
      createReader: (uid, subtaskIndex, metrics) => this.#sources.get(uid)!.createReader(subtaskIndex, metrics),
      alignmentOf: (nodeId) => this.#alignment.alignmentOf(nodeId),
      listener: {
        onWake: () => this.#executor.wake(),
        onSnapshot: (task, barrier) => this.#onSnapshot(task, barrier),
        onFinished: () => {
          this.#finishedCount++;
          if (this.hasFinished) this.#resolve();
        },
        onFailure: (_task, error) => this.#reject(error),
      },
    });
    for (const { task, operators } of this.#built)
      if (task.source !== undefined) this.#sources.get(operators[0]!.uid)!.connect(task);
  }

  #onSnapshot(task: Task, barrier: Barrier): void {
    const built = this.#built[task.taskId]!;
    assert(built.task === task, () => `task ${task.taskId} is not of this attempt`);
    this.#snapshotCount++;
    const taken = snapshotTask(built, barrier, {
      filePrefix: `${this.#options.checkpointStore.prefix}/state/${this.attempt}`,
      maxParallelism: this.#options.graph.maxParallelism,
    }).finally(() => void this.#snapshotCount--);
    taken.then(
      (acknowledgement) => this.#coordinator.acknowledge(task.taskId, barrier.checkpointId, acknowledgement),
      (error: unknown) => {
        if (error instanceof EpochLostError)
          this.#reject(new TaskError(task.name, task.subtaskIndex, undefined, error.cause));
        else this.#coordinator.decline(task.taskId, barrier.checkpointId, error);
      },
    );
  }

  #notifyComplete(checkpointId: number): void {
    for (const source of this.#sources.values()) source.notifyComplete(checkpointId);
    for (const { task, operators } of this.#built) {
      task.post(() => {
        for (const { operator } of operators) operator.notifyCheckpointComplete(checkpointId);
      });
    }
  }

  #waitingFor(taskId: number, checkpointId: number): string | undefined {
    const { plan, graph } = this.#options;
    const waiting = this.#built[taskId]!.task.aligner.waitingFor;
    if (waiting === undefined || waiting.checkpointId !== checkpointId) return undefined;
    const inputs = plan.channels.filter((channel) => channel.targetTaskId === taskId);
    return waiting.channels
      .map((index) => {
        const source = plan.subtasks[inputs[index]!.sourceTaskId]!;
        return `'${graph.vertices[source.vertexId]!.name}' subtask ${source.subtaskIndex}`;
      })
      .join(', ');
  }
}
