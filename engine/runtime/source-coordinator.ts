import type { Environment } from '../base/environment.ts';
import type { OperatorSnapshot } from '../checkpoint/manifest.ts';
import type { JobVertex } from '../graph/job-graph.ts';
import { uidOf } from '../graph/node-uid.ts';
import type { SourceNode } from '../graph/stream-graph.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { Json, SourceReader, SourceSplit, SplitEnumerator } from '../task/source.ts';
import type { SourceOperator } from '../task/source-operator.ts';
import type { Task } from '../task/task.ts';

/** One source of an attempt: its enumerator, and the way between it and the readers, which goes by the tasks' mailboxes. */
export class SourceCoordinator {
  readonly uid: string;
  readonly #node: SourceNode;
  readonly #enumerator: SplitEnumerator<SourceSplit>;
  readonly #tasks = new Map<number, Task>();
  readonly #parallelism: number;
  readonly #environment: Environment;
  readonly #restored: OperatorSnapshot | undefined;

  constructor(options: {
    environment: Environment;
    vertex: JobVertex;
    node: SourceNode;
    restored: OperatorSnapshot | undefined;
    onFailure: (error: unknown) => void;
  }) {
    this.#environment = options.environment;
    this.#node = options.node;
    this.uid = uidOf(options.node);
    this.#parallelism = options.vertex.parallelism;
    this.#restored = options.restored;
    this.#enumerator = options.node.source.createEnumerator(
      {
        environment: options.environment,
        logger: options.environment.logger,
        parallelism: this.#parallelism,
        assign: (subtaskIndex, splits) => this.#post(subtaskIndex, (source) => source.addSplits(splits)),
        signalNoMoreSplits: (subtaskIndex) => this.#post(subtaskIndex, (source) => source.noMoreSplits()),
        sendEvent: (subtaskIndex, event) => this.#post(subtaskIndex, ({ reader }) => reader.handleEvent?.(event)),
        fail: options.onFailure,
      },
      options.restored?.enumerator,
    );
  }

  createReader(subtaskIndex: number, metrics: MetricGroup): SourceReader<unknown, SourceSplit> {
    return this.#node.source.createReader({
      environment: this.#environment,
      logger: this.#environment.logger,
      metrics,
      subtaskIndex,
      parallelism: this.#parallelism,
      requestSplit: () => this.#enumerator.handleSplitRequest(subtaskIndex),
      sendEvent: (event) => this.#enumerator.handleEvent?.(subtaskIndex, event),
    });
  }

  connect(task: Task): void {
    this.#tasks.set(task.subtaskIndex, task);
  }

  /** Finds the splits and hands them out; those of the restored checkpoint with their positions. */
  async start(): Promise<void> {
    await this.#enumerator.start();
    const splits = (this.#restored?.subtasks ?? []).flatMap(
      (subtask) => subtask.splits ?? [],
    ) as unknown as readonly SourceSplit[];
    if (splits.length > 0) this.#enumerator.addSplitsBack(splits, 0);
    for (let subtaskIndex = 0; subtaskIndex < this.#parallelism; subtaskIndex++)
      this.#enumerator.addReader(subtaskIndex);
  }

  snapshot(checkpointId: number): Json {
    return this.#enumerator.snapshotState(checkpointId);
  }

  notifyComplete(checkpointId: number): void {
    this.#enumerator.notifyCheckpointComplete?.(checkpointId);
  }

  async close(): Promise<void> {
    await this.#enumerator.close();
  }

  #post(subtaskIndex: number, action: (source: SourceOperator) => void): void {
    const task = this.#tasks.get(subtaskIndex)!;
    task.postToSource(() => action(task.source!));
  }
}
