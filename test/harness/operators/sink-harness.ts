import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { SILENT_LOGGER } from '../../../engine/base/logger.ts';
import { MetricGroup } from '../../../engine/base/metrics.ts';
import { INSERT, type RowKind } from '../../../engine/task/row-kind.ts';
import type { Committer, Sink, SinkContext } from '../../../engine/task/sink.ts';
import { SinkOperator } from '../../../engine/task/sink-operator.ts';
import type { Json } from '../../../engine/task/source.ts';
import { NO_TIMESTAMP } from '../../../engine/time/timestamps.ts';
import { openStorage } from '../../../state/storage/storage-url.ts';
import { createHarnessContext, HarnessClock, OutputLog } from './harness-context.ts';

export interface SinkHarnessOptions {
  /** Default: a fresh one. */
  readonly environment?: VirtualEnvironment | undefined;
}

/** A checkpoint of a sink, as a manifest has it. */
export interface SinkSnapshot {
  readonly checkpointId: number;
  /** What is committed when the checkpoint is complete, or when it is restored. */
  readonly committables: readonly Json[];
  readonly writerStates: readonly Json[];
}

/** Drives a sink as the engine does: one writer, one committer, checkpoints by hand. */
export class SinkHarness<T> {
  readonly metrics: MetricGroup = new MetricGroup();
  readonly #sink: Sink<T>;
  readonly #environment: VirtualEnvironment;
  readonly #snapshots = new Map<number, SinkSnapshot>();
  #operator: SinkOperator = undefined as never;
  #committer: Committer | undefined;
  #attempt = 0;
  #committedId = -1;

  private constructor(sink: Sink<T>, options: SinkHarnessOptions) {
    this.#sink = sink;
    this.#environment = options.environment ?? new VirtualEnvironment({ startMs: 0 });
  }

  static async open<T>(sink: Sink<T>, options: SinkHarnessOptions = {}): Promise<SinkHarness<T>> {
    const harness = new SinkHarness(sink, options);
    await harness.#open(undefined);
    return harness;
  }

  /** @param timestampMs default: none. */
  processElement(value: T, timestampMs: number = NO_TIMESTAMP, kind: RowKind = INSERT): void {
    this.#operator.processElement(value, timestampMs, kind);
  }

  /** Takes a checkpoint and waits until the sink has prepared it. */
  async snapshot(checkpointId: number): Promise<SinkSnapshot> {
    this.#operator.prepareSnapshotPreBarrier(checkpointId);
    this.#operator.snapshotState(checkpointId);
    const { committables, writerStates } = this.#operator.prepared();
    const snapshot = { checkpointId, committables: await committables, writerStates };
    this.#snapshots.set(checkpointId, snapshot);
    return snapshot;
  }

  /** Says that a checkpoint is complete: it is committed, unless a later one was. */
  async notifyCheckpointComplete(checkpointId: number): Promise<void> {
    const snapshot = this.#snapshots.get(checkpointId);
    if (snapshot !== undefined && checkpointId > this.#committedId) await this.#commit(snapshot);
    this.#operator.notifyCheckpointComplete(checkpointId);
  }

  /** The input has ended. */
  async endInput(): Promise<void> {
    this.#operator.endInput(0);
    await this.#operator.finish();
  }

  /** Closes the sink and opens a new one from the snapshot, as after a failure. */
  async restore(snapshot: SinkSnapshot): Promise<void> {
    await this.close();
    await this.#open(snapshot);
  }

  async close(): Promise<void> {
    await this.#operator.close();
    await this.#committer?.close();
  }

  async #open(restored: SinkSnapshot | undefined): Promise<void> {
    this.#attempt++;
    const storage = await openStorage(this.#environment, '/checkpoints');
    const createContext = (): SinkContext => ({
      environment: this.#environment,
      logger: SILENT_LOGGER,
      metrics: this.metrics,
      jobName: 'job',
      sinkUid: 'sink',
      subtaskIndex: 0,
      parallelism: 1,
      attempt: this.#attempt,
      storage,
      storagePrefix: 'staged/sink',
    });
    this.#committer = await this.#sink.createCommitter?.(createContext());
    this.#committedId = -1;
    if (restored !== undefined) await this.#commit(restored);
    this.#operator = new SinkOperator({
      sink: this.#sink as Sink<unknown>,
      createContext,
      restoredStates: restored?.writerStates ?? [],
    });
    this.#operator.setup(
      createHarnessContext({
        clock: new HarnessClock(),
        log: new OutputLog(),
        metrics: this.metrics,
        backend: undefined,
        restoredOperatorState: [],
        isRestored: restored !== undefined,
        unreadTagIds: [],
      }),
    );
    await this.#operator.open();
    await this.#operator.blockedUntil();
  }

  async #commit({ checkpointId, committables }: SinkSnapshot): Promise<void> {
    this.#committedId = checkpointId;
    if (committables.length > 0) await this.#committer?.commit(checkpointId, committables);
  }
}
