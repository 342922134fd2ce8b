import type { ReaderContext, ReaderStatus, SourceOutput, SourceReader } from '../../../engine/task/source.ts';
import type { Counter } from '../../../engine/base/metrics.ts';
import type { KafkaTransport } from '../../kafka/kafka-transport.ts';
import { Availability } from '../base/availability.ts';
import { GroupOffsets } from './group-offsets.ts';
import type { KafkaSourceSettings } from './kafka-source-settings.ts';
import type { KafkaSplit } from './kafka-split.ts';
import { PartitionBuffer } from './partition-buffer.ts';
import { PartitionFetcher } from './partition-fetcher.ts';
import type { RecordHandling } from './record-handling.ts';

/** Reads the partitions assigned to one subtask: fetches in the background, decodes when the task polls. */
export class KafkaReader<T> implements SourceReader<T, KafkaSplit> {
  readonly #handling: RecordHandling<T>;
  readonly #transport: KafkaTransport;
  readonly #fetcher: PartitionFetcher;
  readonly #groupOffsets: GroupOffsets | undefined;
  readonly #availability = new Availability();
  readonly #bytesIn: Counter;
  /** Partitions that are not finished, in the order in which they are asked next. */
  #partitions: PartitionBuffer<T>[] = [];
  #turn = 0;
  /** Partitions before this index have been opened. */
  #openCount = 0;
  #hasAllSplits = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(settings: KafkaSourceSettings, handling: RecordHandling<T>, context: ReaderContext) {
    const { environment, logger, metrics } = context;
    this.#handling = handling;
    this.#transport = settings.openTransport({ environment, logger });
    this.#bytesIn = metrics.counter('numBytesIn');
    metrics.gauge('pendingRecords', () => this.#pendingRecords());
    if (settings.groupId !== undefined) {
      this.#groupOffsets = new GroupOffsets(this.#transport, settings.groupId, logger);
    }
    this.#fetcher = new PartitionFetcher({
      transport: this.#transport,
      environment,
      logger,
      settings,
      onData: (byteCount) => {
        this.#bytesIn.value += byteCount;
        this.#availability.signal();
      },
      onError: (error) => {
        this.#failure = { error };
        this.#availability.signal();
      },
    });
  }

  async start(): Promise<void> {}

  addSplits(splits: readonly KafkaSplit[]): void {
    for (const split of splits) {
      const partition = new PartitionBuffer(split, this.#handling);
      this.#partitions.push(partition);
      this.#fetcher.add(partition as PartitionBuffer<unknown>);
    }
    this.#fetcher.pump();
    this.#availability.signal();
  }

  noMoreSplits(): void {
    this.#hasAllSplits = true;
    this.#availability.signal();
  }

  poll(output: SourceOutput<T>, recordCountMax: number): ReaderStatus {
    if (this.#failure !== undefined) throw this.#failure.error;
    const partitions = this.#partitions;
    for (; this.#openCount < partitions.length; this.#openCount++) partitions[this.#openCount]!.open(output);
    let left = recordCountMax;
    let isMore = false;
    let isAnyFinished = false;
    for (let i = 0; i < partitions.length; i++) {
      const partition = partitions[(this.#turn + i) % partitions.length]!;
      if (!partition.isPaused && partition.waitingFor === undefined && partition.hasData && left > 0) {
        left -= partition.emit(left);
        if (partition.waitingFor !== undefined) this.#awaitSchema(partition.waitingFor);
      }
      isMore ||=
        !partition.isPaused && partition.waitingFor === undefined && partition.hasData && !partition.isFinished;
      isAnyFinished ||= partition.isFinished;
    }
    this.#turn = partitions.length === 0 ? 0 : (this.#turn + 1) % partitions.length;
    if (isAnyFinished) this.#releaseFinished(output);
    this.#fetcher.pump();
    if (isMore) return 'more';
    return this.#hasAllSplits && this.#partitions.length === 0 ? 'end' : 'empty';
  }

  available(): Promise<void> {
    return this.#availability.wait();
  }

  snapshotState(checkpointId: number): readonly KafkaSplit[] {
    const splits = this.#partitions.map(({ split, position }) => ({ ...split, offset: position }));
    this.#groupOffsets?.snapshot(checkpointId, splits);
    return splits;
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.#groupOffsets?.commit(checkpointId);
  }

  pauseOrResumeSplits(toPause: readonly string[], toResume: readonly string[]): void {
    for (const partition of this.#partitions) {
      if (toPause.includes(partition.split.splitId)) partition.isPaused = true;
      if (toResume.includes(partition.split.splitId)) partition.isPaused = false;
    }
    this.#fetcher.pump();
    this.#availability.signal();
  }

  /** Until the broker has said where the partition ends, there may be some. */
  hasBacklog(splitId: string): boolean {
    const partition = this.#partitions.find(({ split }) => split.splitId === splitId);
    return partition === undefined || !partition.isEndKnown || partition.position < partition.endOffset;
  }

  async close(): Promise<void> {
    this.#fetcher.close();
    await this.#transport.close();
  }

  #awaitSchema(waitingFor: Promise<void>): void {
    waitingFor.then(
      () => this.#availability.signal(),
      (error: unknown) => {
        this.#failure ??= { error };
        this.#availability.signal();
      },
    );
  }

  #releaseFinished(output: SourceOutput<T>): void {
    for (const partition of this.#partitions) {
      if (!partition.isFinished) continue;
      this.#fetcher.remove(partition.split.splitId);
      output.releaseSplit(partition.split.splitId);
    }
    this.#partitions = this.#partitions.filter((partition) => !partition.isFinished);
    this.#turn = 0;
    this.#openCount = this.#partitions.length;
  }

  /** From positions: committed offsets and the end of the log would count control records. */
  #pendingRecords(): number {
    let count = 0;
    for (const { endOffset, position } of this.#partitions) count += Math.max(0, endOffset - position);
    return count;
  }
}
