import type { Environment } from '../base/environment.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import {
  CheckpointCoordinator,
  type CheckpointKind,
  type CheckpointOptions,
  type CheckpointStatistics,
  type CompletedCheckpoint,
} from '../checkpoint/coordinator.ts';
import type { CheckpointStore } from '../checkpoint/checkpoint-store.ts';
import { CommitQueue } from '../checkpoint/commit-queue.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import { writeSavepoint } from '../checkpoint/savepoint.ts';
import type { StateFileRegistry } from '../checkpoint/state-file-registry.ts';
import type { ExecutionPlan } from '../graph/execution-plan.ts';
import type { JobGraph } from '../graph/job-graph.ts';
import { uidOf } from '../graph/node-uid.ts';
import type { Committer } from '../task/sink.ts';
import type { Json } from '../task/source.ts';
import { MAX_TIMESTAMP_MS } from '../time/timestamps.ts';
import { createCommitters } from './committers.ts';
import { SourceCoordinator } from './source-coordinator.ts';
import type { HostedOperator } from './state-read.ts';
import type { SnapshotOutcome, SourceEvent, TaskHost, TaskHostListener } from './task-host.ts';

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
  /** Restores the tasks. Throws CheckpointCorruptError when a state file is torn; what has been made by then is closed. */
  createHosts(listener: TaskHostListener): Promise<Hosts>;
}

export interface Hosts {
  readonly hosts: readonly TaskHost[];
  /** Index in `hosts`, by task id. */
  readonly placement: readonly number[];
}

/**
 * One attempt of a job, from restore to the end or the first failure: its split enumerators, committers and coordinator, and
 * the hosts of its tasks.
 */
export class RunningAttempt {
  readonly attempt: number;
  /** Resolves when all tasks have finished; rejects with the first failure. */
  readonly finished: Promise<void>;
  /** Rejects with the first failure, also after the tasks have finished: while the last results are stored. */
  readonly failed: Promise<never>;
  readonly #options: AttemptOptions;
  readonly #sources = new Map<string, SourceCoordinator>();
  readonly #committers: Map<string, Committer>;
  readonly #commits: CommitQueue;
  readonly #coordinator: CheckpointCoordinator;
  #hosts: readonly TaskHost[] = [];
  #placement: readonly number[] = [];
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
        taskName: (taskId) => options.graph.vertices[options.plan.subtasks[taskId]!.vertexId]!.name,
        waitingFor: (taskId, checkpointId) => this.#waitingFor(taskId, checkpointId),
        trigger: (barrier) => {
          for (const host of this.#hosts) host.triggerCheckpoint(barrier);
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

  /** Smallest watermark of all tasks. */
  get watermarkMs(): number {
    return this.#hosts.reduce((lowestMs, host) => Math.min(lowestMs, host.watermarkMs), MAX_TIMESTAMP_MS);
  }

  /** Those with keyed state, in the order of the graph. */
  get operators(): readonly HostedOperator[] {
    return this.#hosts.flatMap(({ operators }) => operators).sort((a, b) => a.taskId - b.taskId);
  }

  get hasFinished(): boolean {
    return this.#finishedCount === this.#options.plan.subtasks.length;
  }

  hostOf(taskId: number): TaskHost {
    return this.#hosts[this.#placement[taskId]!]!;
  }

  /** Commits what the restored checkpoint left uncommitted, opens the tasks, and runs until `close`. */
  async start(): Promise<void> {
    await createCommitters(this.#options, this.#committers);
    this.#commits.add(this.#options.manifest?.pendingCommits ?? []);
    await Promise.all(this.#hosts.map((host) => host.open()));
    for (const source of this.#sources.values()) await source.start();
    if (this.#isClosed) return;
    this.#coordinator.start();
    for (const host of this.#hosts) host.start();
  }

  /** See `Executor.runUntilIdle`. Throws what the attempt has failed with. */
  runUntilIdle(): void {
    if (this.#failure === undefined && !this.#isClosed) for (const host of this.#hosts) host.runUntilIdle();
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
    for (const host of this.#hosts) host.drainSources();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#coordinator.stop();
    this.#commits.stop();
    const closers: Promise<unknown>[] = [];
    for (const host of this.#hosts) closers.push(host.close());
    for (const source of this.#sources.values()) closers.push(source.close());
    for (const committer of this.#committers.values()) closers.push(committer.close());
    for (const result of await Promise.allSettled(closers)) {
      if (result.status === 'rejected') {
        this.#options.environment.logger.warn('a part of the job did not close cleanly', {
          reason: String(result.reason),
        });
      }
    }
  }

  async #build(): Promise<void> {
    const { graph, environment, manifest } = this.#options;
    const onFailure = (error: unknown): void => this.#reject(error);
    for (const vertex of graph.vertices) {
      const node = vertex.head;
      if (node.kind !== 'source') continue;
      const uid = uidOf(node);
      this.#sources.set(
        uid,
        new SourceCoordinator({
          environment,
          vertex,
          node,
          restored: manifest?.operators[uid],
          send: (subtaskIndex, event) => this.#sendToSource(vertex.vertexId, subtaskIndex, event),
          onFailure,
        }),
      );
    }
    const { hosts, placement } = await this.#options.createHosts({
      onSnapshotStarted: () => void this.#snapshotCount++,
      onSnapshotEnded: (taskId, checkpointId, outcome) => this.#onSnapshotEnded(taskId, checkpointId, outcome),
      onFinished: () => {
        this.#finishedCount++;
        if (this.hasFinished) this.#resolve();
      },
      onFailure,
      onSplitRequest: (uid, subtaskIndex) => this.#sources.get(uid)!.onSplitRequest(subtaskIndex),
      onReaderEvent: (uid, subtaskIndex, event: Json) => this.#sources.get(uid)!.onReaderEvent(subtaskIndex, event),
    });
    this.#hosts = hosts;
    this.#placement = placement;
  }

  #sendToSource(vertexId: number, subtaskIndex: number, event: SourceEvent): void {
    // A reader that asks while it is made does not wait to be heard.
    if (event.kind === 'request-heard' && this.#hosts.length === 0) return;
    const { taskId } = this.#options.plan.subtasks.find(
      (subtask) => subtask.vertexId === vertexId && subtask.subtaskIndex === subtaskIndex,
    )!;
    this.hostOf(taskId).sendToSource(taskId, event);
  }

  #onSnapshotEnded(taskId: number, checkpointId: number, outcome: SnapshotOutcome | undefined): void {
    this.#snapshotCount--;
    if (outcome?.kind === 'acknowledged') this.#coordinator.acknowledge(taskId, checkpointId, outcome.acknowledgement);
    else if (outcome?.kind === 'declined') this.#coordinator.decline(taskId, checkpointId, outcome.error);
  }

  #notifyComplete(checkpointId: number): void {
    for (const source of this.#sources.values()) source.notifyComplete(checkpointId);
    for (const host of this.#hosts) host.notifyCheckpointComplete(checkpointId);
  }

  #waitingFor(taskId: number, checkpointId: number): string | undefined {
    const { plan, graph } = this.#options;
    const inputs = plan.channels.filter((channel) => channel.targetTaskId === taskId);
    return this.hostOf(taskId)
      .waitingFor(taskId, checkpointId)
      ?.map((index) => {
        const source = plan.subtasks[inputs[index]!.sourceTaskId]!;
        return `'${graph.vertices[source.vertexId]!.name}' subtask ${source.subtaskIndex}`;
      })
      .join(', ');
  }
}
