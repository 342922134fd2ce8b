import type { Environment } from '../base/environment.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { PageStore } from '../../state/store/page-store.ts';
import { findFinishedVertices } from '../checkpoint/finished-subtasks.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import type { Barrier } from '../exchange/control-element.ts';
import type { ExecutionPlan } from '../graph/execution-plan.ts';
import type { JobGraph } from '../graph/job-graph.ts';
import { uidOf } from '../graph/node-uid.ts';
import type { SourceNode } from '../graph/stream-graph.ts';
import type { SourceOperator } from '../task/source-operator.ts';
import type { SourceReader, SourceSplit } from '../task/source.ts';
import type { Task } from '../task/task.ts';
import { TaskError } from '../task/task-error.ts';
import { MAX_TIMESTAMP_MS } from '../time/timestamps.ts';
import { AlignmentCoordinator } from './alignment-coordinator.ts';
import { buildTasks, type BuiltTask, type ReaderPlace } from './attempt.ts';
import { Executor } from './executor.ts';
import {
  type HostedOperator,
  operatorsOf,
  readLive,
  readStored,
  type StateContent,
  type StateRead,
} from './state-read.ts';
import type { SourceEvent, StoredCheckpoint, TaskHost, TaskHostListener, WaitingTask } from './task-host.ts';
import type { ThreadLinks } from './task-channels.ts';
import { EpochLostError, snapshotTask } from './task-snapshot.ts';

export interface LocalTaskHostOptions {
  readonly environment: Environment;
  readonly metrics: MetricGroup;
  readonly jobName: string;
  readonly attempt: number;
  readonly graph: JobGraph;
  readonly plan: ExecutionPlan;
  /** The checkpoint to start from. */
  readonly manifest: CheckpointManifest | undefined;
  readonly storage: ObjectStorage;
  /** Key prefix of all that belongs to the chain of checkpoints. */
  readonly storagePrefix: string;
  readonly pageStore: PageStore;
  /** Bytes for the page caches of all keyed tasks of the job together, on whatever thread. */
  readonly decodedBytesMax: number;
  readonly encodedBytesMax: number;
  /** State of at least so many bytes of files is restored while it is in use: see `LazyRestore`. Infinity: none is. */
  readonly lazyRestoreBytes: number;
  readonly batchRecords: number;
  readonly links?: ThreadLinks | undefined;
  readonly listener: TaskHostListener;
}

/** Tasks on this thread. */
export class LocalTaskHost implements TaskHost {
  readonly #options: LocalTaskHostOptions;
  readonly #listener: TaskHostListener;
  readonly #executor: Executor;
  readonly #alignment: AlignmentCoordinator;
  readonly #built = new Map<number, BuiltTask>();
  #isClosed = false;

  /** Restores the tasks and opens nothing yet. Throws CheckpointCorruptError when a state file is torn. */
  static async create(options: LocalTaskHostOptions): Promise<LocalTaskHost> {
    const host = new LocalTaskHost(options);
    try {
      await host.#build();
      return host;
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  private constructor(options: LocalTaskHostOptions) {
    const { environment, graph } = options;
    this.#options = options;
    this.#listener = options.listener;
    const { links } = options;
    this.#executor = new Executor(environment, links);
    this.#alignment = new AlignmentCoordinator(environment, graph, {
      shared: links?.alignment,
      onWake: () => {
        this.#executor.wake();
        links?.wakeOthers();
      },
    });
  }

  get watermarkMs(): number {
    let watermarkMs = MAX_TIMESTAMP_MS;
    for (const { task } of this.#built.values()) watermarkMs = Math.min(watermarkMs, task.watermarkMs);
    return watermarkMs;
  }

  get operators(): readonly HostedOperator[] {
    return operatorsOf(this.#tasks);
  }

  async open(): Promise<void> {
    for (const task of this.#tasks) await task.open();
  }

  start(): void {
    if (this.#isClosed) return;
    this.#alignment.start();
    this.#executor.run(this.#tasks).catch((error: unknown) => this.#listener.onFailure(error));
  }

  runUntilIdle(): void {
    this.#executor.runUntilIdle();
  }

  triggerCheckpoint(barrier: Barrier): void {
    for (const task of this.#tasks) task.triggerCheckpoint(barrier);
  }

  notifyCheckpointComplete(checkpointId: number): void {
    for (const { task, operators } of this.#built.values()) {
      task.post(() => {
        for (const { operator } of operators) operator.notifyCheckpointComplete(checkpointId);
      });
    }
  }

  sendToSource(taskId: number, event: SourceEvent): void {
    const { task } = this.#built.get(taskId)!;
    const source = task.source!;
    if (event.kind === 'request-heard') task.post(() => source.onRequestHeard());
    else task.postToSource(() => tell(source, event));
  }

  drainSources(): void {
    for (const task of this.#tasks) task.drainSource();
  }

  waitingFor(taskId: number, checkpointId: number): readonly number[] | undefined {
    const waiting = this.#built.get(taskId)?.task.aligner.waitingFor;
    return waiting?.checkpointId === checkpointId ? waiting.channels : undefined;
  }

  /** Tasks that align a checkpoint. */
  get waiting(): readonly WaitingTask[] {
    return this.#tasks.flatMap(({ taskId, aligner: { waitingFor } }) =>
      waitingFor === undefined ? [] : [{ taskId, ...waitingFor }],
    );
  }

  async readState(taskId: number, read: StateRead): Promise<StateContent> {
    return await readLive(this.#built.get(taskId)!.task, read);
  }

  async readStoredState(taskId: number, read: StateRead, stored: StoredCheckpoint): Promise<StateContent> {
    return await readStored(this.#built.get(taskId)!.task, read, { ...stored, storage: this.#options.storage });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#alignment.close();
    this.#executor.stop();
    const closers = this.#tasks.map((task) => task.close());
    for (const result of await Promise.allSettled(closers)) {
      if (result.status === 'rejected') {
        this.#options.environment.logger.warn('a part of the job did not close cleanly', {
          reason: String(result.reason),
        });
      }
    }
    await this.#options.pageStore.close();
  }

  get #tasks(): Task[] {
    return [...this.#built.values()].map(({ task }) => task);
  }

  async #build(): Promise<void> {
    const { graph, manifest, links } = this.#options;
    const built = await buildTasks({
      ...this.#options,
      links,
      finishedVertexIds: findFinishedVertices(manifest, graph),
      createReader: (node, place) => this.#createReader(node, place),
      alignmentOf: (nodeId, subtaskIndex) => this.#alignment.alignmentOf(nodeId, subtaskIndex),
      listener: {
        onWake: () => this.#executor.wake(),
        onSnapshot: (task, barrier) => this.#onSnapshot(task, barrier),
        onFinished: ({ taskId }) => this.#listener.onFinished(taskId),
        onFailure: (_task, error) => this.#listener.onFailure(error),
      },
    });
    for (const part of built) this.#built.set(part.task.taskId, part);
  }

  #createReader(node: SourceNode, place: ReaderPlace): SourceReader<unknown, SourceSplit> {
    const { environment, graph, plan } = this.#options;
    const { subtaskIndex } = place;
    const uid = uidOf(node);
    const { taskId } = plan.subtasks.find(
      (subtask) => subtask.subtaskIndex === subtaskIndex && graph.vertices[subtask.vertexId]!.head === node,
    )!;
    return node.source.createReader({
      environment,
      logger: environment.logger,
      ...place,
      requestSplit: () => {
        this.#built.get(taskId)?.task.source!.onSplitRequest();
        this.#listener.onSplitRequest(uid, subtaskIndex);
      },
      sendEvent: (event) => this.#listener.onReaderEvent(uid, subtaskIndex, event),
    });
  }

  #onSnapshot(task: Task, { checkpointId, ...kind }: Barrier): void {
    const { storagePrefix, attempt, graph } = this.#options;
    const { taskId } = task;
    this.#listener.onSnapshotStarted(taskId);
    snapshotTask(
      this.#built.get(taskId)!,
      { checkpointId, ...kind },
      {
        filePrefix: `${storagePrefix}/state/${attempt}`,
        maxParallelism: graph.maxParallelism,
      },
    ).then(
      (acknowledgement) =>
        this.#listener.onSnapshotEnded(taskId, checkpointId, { kind: 'acknowledged', acknowledgement }),
      (error: unknown) => {
        const isLost = error instanceof EpochLostError;
        if (isLost) this.#listener.onFailure(new TaskError(task.name, task.subtaskIndex, undefined, error.cause));
        this.#listener.onSnapshotEnded(taskId, checkpointId, isLost ? undefined : { kind: 'declined', error });
      },
    );
  }
}

function tell(source: SourceOperator, event: Exclude<SourceEvent, { readonly kind: 'request-heard' }>): void {
  switch (event.kind) {
    case 'splits':
      source.addSplits(event.splits);
      return;
    case 'no-more-splits':
      source.noMoreSplits();
      return;
    case 'event':
      source.reader.handleEvent?.(event.event);
  }
}
