import type { Environment } from '../base/environment.ts';
import type { OperatorSnapshot } from '../checkpoint/manifest.ts';
import type { JobVertex } from '../graph/job-graph.ts';
import { uidOf } from '../graph/node-uid.ts';
import type { SourceNode } from '../graph/stream-graph.ts';
import type { Json, SourceSplit, SplitEnumerator } from '../task/source.ts';
import type { SourceEvent } from './task-host.ts';

/** One source of an attempt: its enumerator, and the way between it and the readers, which goes by their hosts. */
export class SourceCoordinator {
  readonly uid: string;
  readonly #enumerator: SplitEnumerator<SourceSplit>;
  readonly #parallelism: number;
  readonly #send: (subtaskIndex: number, event: SourceEvent) => void;
  readonly #restored: OperatorSnapshot | undefined;

  constructor(options: {
    environment: Environment;
    vertex: JobVertex;
    node: SourceNode;
    restored: OperatorSnapshot | undefined;
    /** To the reader of a subtask; in order. */
    send: (subtaskIndex: number, event: SourceEvent) => void;
    onFailure: (error: unknown) => void;
  }) {
    const { send } = options;
    this.uid = uidOf(options.node);
    this.#send = send;
    this.#parallelism = options.vertex.parallelism;
    this.#restored = options.restored;
    this.#enumerator = options.node.source.createEnumerator(
      {
        environment: options.environment,
        logger: options.environment.logger,
        parallelism: this.#parallelism,
        assign: (subtaskIndex, splits) => send(subtaskIndex, { kind: 'splits', splits }),
        signalNoMoreSplits: (subtaskIndex) => send(subtaskIndex, { kind: 'no-more-splits' }),
        sendEvent: (subtaskIndex, event) => send(subtaskIndex, { kind: 'event', event }),
        fail: options.onFailure,
      },
      options.restored?.enumerator,
    );
  }

  onSplitRequest(subtaskIndex: number): void {
    this.#enumerator.handleSplitRequest(subtaskIndex);
    this.#send(subtaskIndex, { kind: 'request-heard' });
  }

  onReaderEvent(subtaskIndex: number, event: Json): void {
    this.#enumerator.handleEvent?.(subtaskIndex, event);
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
}
