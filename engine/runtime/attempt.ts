import type { Environment } from '../base/environment.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import { createKeyedStateBackend } from '../../state/keyed/paged-keyed-state-backend.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { PageStore } from '../../state/store/page-store.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import { withoutFinishedSubtasks } from '../checkpoint/finished-subtasks.ts';
import { NOTHING_TO_RESTORE, planSubtaskRestore, type SubtaskRestore } from '../checkpoint/restore-plan.ts';
import {
  BroadcastOutput,
  type ChannelOutput,
  HashOutput,
  RebalanceOutput,
  SelectedOutput,
  SingleChannelOutput,
} from '../exchange/channel-output.ts';
import type { ExecutionPlan, PlannedSubtask } from '../graph/execution-plan.ts';
import type { JobEdge, JobGraph, JobVertex } from '../graph/job-graph.ts';
import { uidOf } from '../graph/node-uid.ts';
import type { SinkNode, SourceNode, StreamNode } from '../graph/stream-graph.ts';
import { keyOfUid } from '../graph/uid.ts';
import { type ChainEdge, ChainedOperator } from '../task/operator-chain.ts';
import { MemoryOperatorStateBackend } from '../task/operator-state-backend.ts';
import { DISCARDING_OUTPUT, type Output } from '../task/output.ts';
import type { OutputTag } from '../task/output-tag.ts';
import type { SinkContext } from '../task/sink.ts';
import { SinkOperator } from '../task/sink-operator.ts';
import type { JoinedAlignment } from '../task/source-alignment.ts';
import type { SourceReader, SourceSplit } from '../task/source.ts';
import { SourceOperator } from '../task/source-operator.ts';
import type { OperatorContext, StreamOperator } from '../task/stream-operator.ts';
import { Task } from '../task/task.ts';
import type { TaskListener } from '../task/task-options.ts';
import { TaskTimerService } from '../task/task-timer-service.ts';
import { UserError } from '../base/errors.ts';
import { PausableClock } from '../time/pausable-clock.ts';
import type { WatermarkStrategy } from '../time/watermark-strategy.ts';
import { type ChannelEnds, createChannels, type ThreadLinks } from './task-channels.ts';

/** What is the same for all tasks of an attempt on one thread. */
export interface AttemptContext {
  readonly environment: Environment;
  readonly metrics: MetricGroup;
  readonly jobName: string;
  readonly attempt: number;
  readonly graph: JobGraph;
  readonly plan: ExecutionPlan;
  readonly manifest: CheckpointManifest | undefined;
  /** Vertices that had finished in the checkpoint. */
  readonly finishedVertexIds: ReadonlySet<number>;
  readonly storage: ObjectStorage;
  readonly storagePrefix: string;
  readonly pageStore: PageStore;
  readonly decodedBytesMax: number;
  readonly encodedBytesMax: number;
  /** State of at least so many bytes of files is restored while it is in use: see `LazyRestore`. Infinity: none is. */
  readonly lazyRestoreBytes: number;
  readonly batchRecords: number;
  readonly listener: TaskListener;
  /** Undefined when all tasks run here. */
  readonly links: ThreadLinks | undefined;
  createReader(node: SourceNode, place: ReaderPlace): SourceReader<unknown, SourceSplit>;
  /** The group that a source is aligned in. */
  alignmentOf(nodeId: number, subtaskIndex: number): JoinedAlignment | undefined;
}

export interface ReaderPlace {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly metrics: MetricGroup;
}

/** A task with what its snapshots are made of. */
export interface BuiltTask {
  readonly task: Task;
  readonly vertex: JobVertex;
  readonly operators: readonly BuiltOperator[];
}

export interface BuiltOperator {
  readonly node: StreamNode;
  readonly uid: string;
  readonly operator: StreamOperator<unknown>;
  readonly operatorState: MemoryOperatorStateBackend;
}

/** Builds the tasks of this thread, restored but not yet opened. Reads state files: throws CheckpointCorruptError. */
export async function buildTasks(context: AttemptContext): Promise<BuiltTask[]> {
  const channels = createChannels(context);
  const built: BuiltTask[] = [];
  try {
    for (const subtask of context.plan.subtasks) {
      if (context.links !== undefined && !context.links.isHere(subtask.taskId)) continue;
      built.push(await new TaskBuilder(context, channels, subtask).build());
    }
  } catch (error) {
    for (const { task } of built) await task.keyedState?.close();
    throw error;
  }
  return built;
}

/** Builds one task: its chain from the last operator to the head, each wired to what follows it. */
class TaskBuilder {
  readonly #context: AttemptContext;
  readonly #channels: ChannelEnds;
  readonly #subtask: PlannedSubtask;
  readonly #vertex: JobVertex;
  readonly #outputs: ChannelOutput[] = [];
  readonly #operators: BuiltOperator[] = [];
  readonly #chained: ChainedOperator[] = [];
  readonly #activityClock: PausableClock;
  #task: Task | undefined;

  constructor(context: AttemptContext, channels: ChannelEnds, subtask: PlannedSubtask) {
    this.#context = context;
    this.#channels = channels;
    this.#subtask = subtask;
    this.#vertex = context.graph.vertices[subtask.vertexId]!;
    this.#activityClock = new PausableClock(context.environment.clock);
  }

  async build(): Promise<BuiltTask> {
    const { environment, graph, plan, listener } = this.#context;
    const vertex = this.#vertex;
    const { taskId, subtaskIndex } = this.#subtask;
    const metrics = this.#context.metrics.child({ task: vertex.name, subtask: String(subtaskIndex) });
    const keyedState = await this.#createKeyedState(metrics);
    const post = (mail: () => void): void => this.#task!.postTimer(mail);
    const headTimers = new TaskTimerService(environment, keyedState, post);
    const head = this.#buildChain(vertex.head, metrics, keyedState, headTimers, post);
    const source = head.operator instanceof SourceOperator ? head.operator : undefined;
    source?.connect(head);
    this.#task = new Task({
      taskId,
      name: vertex.name,
      subtaskIndex,
      environment,
      metrics,
      listener,
      chain: this.#chained.toReversed(),
      headTimers,
      activityClock: this.#activityClock,
      hasFinished: this.#context.finishedVertexIds.has(vertex.vertexId),
      source,
      recordsPerPoll: this.#context.batchRecords,
      inputs: plan.channels
        .filter((channel) => channel.targetTaskId === taskId)
        .map((channel) => ({
          channel: this.#channels.inputs.get(channel.channelId)!,
          inputIndex: channel.inputIndex,
          isKeyed: graph.edges[channel.edgeId]!.partitioning.kind === 'hash',
        })),
      inputCount: graph.vertices[this.#subtask.vertexId]!.inputCount,
      outputs: this.#outputs,
      keyedState,
    });
    return { task: this.#task, vertex, operators: this.#operators.toReversed() };
  }

  async #createKeyedState(metrics: MetricGroup): Promise<KeyedStateBackend | undefined> {
    const { graph, pageStore, storage } = this.#context;
    const vertex = this.#vertex;
    const isKeyed = graph.edges.some(
      (edge) => edge.targetVertexId === vertex.vertexId && edge.partitioning.kind === 'hash',
    );
    if (!isKeyed) return undefined;
    const keyedTaskCount = this.#context.plan.subtasks.filter((subtask) =>
      graph.edges.some((edge) => edge.targetVertexId === subtask.vertexId && edge.partitioning.kind === 'hash'),
    ).length;
    return await createKeyedStateBackend({
      operatorUid: uidOf(vertex.head),
      maxParallelism: graph.maxParallelism,
      keyGroupStart: this.#subtask.keyGroupStart,
      keyGroupEnd: this.#subtask.keyGroupEnd,
      store: pageStore,
      storeOperatorId: this.#subtask.taskId,
      storage,
      restoreFiles: this.#restoreOf(vertex.head).keyedFiles,
      cache: {
        decodedBytesMax: Math.max(1, Math.floor(this.#context.decodedBytesMax / keyedTaskCount)),
        encodedBytesMax: Math.max(1, Math.floor(this.#context.encodedBytesMax / keyedTaskCount)),
      },
      metrics,
      logger: this.#context.environment.logger,
      scheduler: this.#context.environment.scheduler,
      lazyRestore: { fromBytes: this.#context.lazyRestoreBytes },
      filePrefix: `${this.#context.storagePrefix}/state/${this.#context.attempt}/${keyOfUid(uidOf(vertex.head))}-${this.#subtask.subtaskIndex}`,
    });
  }

  /** Wires a node after everything behind it. */
  #buildChain(
    node: StreamNode,
    metrics: MetricGroup,
    keyedState: KeyedStateBackend | undefined,
    timers: TaskTimerService,
    post: (mail: () => void) => void,
  ): ChainedOperator {
    const { environment } = this.#context;
    const edges: ChainEdge[] = [];
    for (const edge of this.#vertex.chainedEdges) {
      if (edge.sourceNodeId !== node.nodeId) continue;
      const target = this.#vertex.nodes.find((candidate) => candidate.nodeId === edge.targetNodeId)!;
      const targetTimers = new TaskTimerService(environment, undefined, post);
      edges.push({
        kind: 'chained',
        target: this.#buildChain(target, metrics, undefined, targetTimers, post),
        sideOutputTag: edge.sideOutputTag,
      });
    }
    for (const edge of this.#context.graph.edges) {
      if (edge.sourceNodeId !== node.nodeId) continue;
      const output = this.#createOutput(edge);
      this.#outputs.push(output);
      edges.push({ kind: 'channel', output, sideOutputTag: edge.sideOutputTag });
    }
    const uid = uidOf(node);
    const restore = this.#restoreOf(node);
    const operatorMetrics = metrics.child({ operator: node.name });
    const operator = this.#createOperator(node, restore, operatorMetrics);
    const chained = new ChainedOperator({ uid, name: node.name, operator, edges, timers });
    const operatorState = new MemoryOperatorStateBackend(uid, restore.operatorStates);
    operator.setup(
      this.#createOperatorContext({ node, chained, metrics: operatorMetrics, keyedState, timers, operatorState }),
    );
    this.#chained.push(chained);
    this.#operators.push({ node, uid, operator, operatorState });
    return chained;
  }

  #createOperator(node: StreamNode, restore: SubtaskRestore, metrics: MetricGroup): StreamOperator<unknown> {
    switch (node.kind) {
      case 'operator':
        return node.factory();
      case 'source':
        return new SourceOperator({
          reader: this.#context.createReader(node, {
            subtaskIndex: this.#subtask.subtaskIndex,
            parallelism: this.#vertex.parallelism,
            metrics,
          }),
          strategy: node.watermarkStrategy as WatermarkStrategy<unknown>,
          clock: this.#activityClock,
          recordsOut: metrics.counter('numRecordsOut'),
          alignment: this.#context.alignmentOf(node.nodeId, this.#subtask.subtaskIndex),
        });
      case 'sink':
        return new SinkOperator({
          sink: node.sink,
          createContext: () =>
            createSinkContext(this.#context, node, metrics, this.#subtask.subtaskIndex, this.#vertex.parallelism),
          restoredStates: restore.writerStates,
        });
    }
  }

  #createOperatorContext(parts: {
    node: StreamNode;
    chained: ChainedOperator;
    metrics: MetricGroup;
    keyedState: KeyedStateBackend | undefined;
    timers: TaskTimerService;
    operatorState: MemoryOperatorStateBackend;
  }): OperatorContext {
    const { node, chained, metrics, keyedState, timers, operatorState } = parts;
    const { environment, graph, manifest } = this.#context;
    return {
      operatorUid: uidOf(node),
      operatorName: node.name,
      subtaskIndex: this.#subtask.subtaskIndex,
      parallelism: this.#vertex.parallelism,
      maxParallelism: graph.maxParallelism,
      environment,
      metrics,
      logger: environment.logger,
      output: chained.output as Output<never>,
      sideOutput: <T>(tag: OutputTag<T>) => (chained.sideOutput(tag.id) ?? DISCARDING_OUTPUT) as Output<T>,
      isSideOutputRead: (tag) => chained.sideOutput(tag.id) !== undefined,
      get keyedState(): KeyedStateBackend {
        if (keyedState !== undefined) return keyedState;
        throw new UserError('JOB_DEFINITION', `operator '${node.name}' uses keyed state, but its input is not keyed`, {
          hint: 'Call keyBy(...) before it.',
        });
      },
      isKeyed: keyedState !== undefined,
      operatorState,
      timers,
      activityClock: this.#activityClock,
      mailbox: {
        post: (mail) => this.#task!.postTimer(mail),
        postOutput: (mail) => this.#task!.postOutput(mail),
      },
      isRestored: manifest !== undefined,
    };
  }

  #createOutput(edge: JobEdge): ChannelOutput {
    const { graph, plan } = this.#context;
    const channels = plan.channels
      .filter((channel) => channel.edgeId === edge.edgeId && channel.sourceTaskId === this.#subtask.taskId)
      .map((channel) => this.#channels.outputs.get(channel.channelId)!);
    const targetName = graph.vertices[edge.targetVertexId]!.head.name;
    const { partitioning } = edge;
    const keySelector =
      partitioning.kind === 'hash' ? (partitioning.keySelector as (value: unknown) => string) : undefined;
    // A partitioner is asked even then: what it says wrong shows before the parallelism grows.
    if (channels.length === 1 && partitioning.kind !== 'custom')
      return new SingleChannelOutput(channels[0]!, keySelector, targetName);
    switch (partitioning.kind) {
      case 'hash':
        return new HashOutput(channels, keySelector!, graph.maxParallelism, targetName);
      case 'broadcast':
        return new BroadcastOutput(channels);
      case 'global':
        return new SingleChannelOutput(channels[0]!, undefined, targetName, channels);
      case 'custom': {
        const subtaskOf = partitioning.subtaskOf as (value: unknown, subtaskCount: number) => number;
        return new SelectedOutput(channels, (value) => subtaskOf(value, channels.length), targetName);
      }
      case 'shuffle': {
        const { random } = this.#context.environment;
        return new SelectedOutput(channels, () => Math.floor(random.next() * channels.length), targetName);
      }
      case 'rescale':
        return new RebalanceOutput(channels, 0);
      case 'forward':
      case 'rebalance':
        return new RebalanceOutput(channels, this.#subtask.subtaskIndex);
    }
  }

  #restoreOf(node: StreamNode): SubtaskRestore {
    const snapshot = this.#context.manifest?.operators[uidOf(node)];
    if (snapshot === undefined) return NOTHING_TO_RESTORE;
    const { parallelism } = this.#vertex;
    return planSubtaskRestore(withoutFinishedSubtasks(snapshot), { ...this.#subtask, parallelism });
  }
}

/** The context of a sink's writer, or of its committer (subtask 0). */
export function createSinkContext(
  context: Pick<AttemptContext, 'environment' | 'jobName' | 'attempt' | 'storage' | 'storagePrefix'>,
  node: SinkNode,
  metrics: MetricGroup,
  subtaskIndex: number,
  parallelism: number,
): SinkContext {
  return {
    environment: context.environment,
    logger: context.environment.logger,
    metrics,
    jobName: context.jobName,
    sinkUid: uidOf(node),
    subtaskIndex,
    parallelism,
    attempt: context.attempt,
    storage: context.storage,
    storagePrefix: `${context.storagePrefix}/staged/${keyOfUid(uidOf(node))}`,
  };
}
