import type { TimerHandle } from '../../../engine/base/environment.ts';
import type { EnumeratorContext, Json, SplitEnumerator } from '../../../engine/task/source.ts';
import { topicMissing } from '../../kafka/kafka-errors.ts';
import type { KafkaTransport, OffsetQuery, TopicPartition } from '../../kafka/kafka-transport.ts';
import { kafkaSplitId, type KafkaSplit, kafkaSplitOwner } from './kafka-split.ts';
import type { KafkaSourceSettings } from './kafka-source-settings.ts';

interface EnumeratorState {
  /** Ids of all partitions that were found so far, finished ones too. */
  readonly discovered: readonly string[];
  /** Found, but not handed to a reader yet. */
  readonly pending: readonly KafkaSplit[];
}

/**
 * Finds partitions, decides where each starts, and hands them to the readers. An unbounded source looks for new partitions
 * from time to time; they start at their first record, so nothing is missed.
 */
export class KafkaEnumerator implements SplitEnumerator<KafkaSplit> {
  readonly #settings: KafkaSourceSettings;
  readonly #context: EnumeratorContext<KafkaSplit>;
  readonly #transport: KafkaTransport;
  readonly #isRestored: boolean;
  readonly #discovered: Set<string>;
  readonly #readers = new Set<number>();
  #pending: KafkaSplit[];
  #timer: TimerHandle | undefined;
  #isClosed = false;

  constructor(settings: KafkaSourceSettings, context: EnumeratorContext<KafkaSplit>, restored: Json | undefined) {
    this.#settings = settings;
    this.#context = context;
    this.#transport = settings.openTransport({ environment: context.environment, logger: context.logger });
    this.#isRestored = restored !== undefined;
    const state = restored as unknown as EnumeratorState | undefined;
    this.#discovered = new Set(state?.discovered);
    this.#pending = [...(state?.pending ?? [])];
  }

  async start(): Promise<void> {
    // A bounded source reads what was there when it was first started, also after a restart.
    if (this.#settings.stopAt === undefined || !this.#isRestored) await this.#discover(!this.#isRestored);
    this.#schedule();
  }

  addReader(subtaskIndex: number): void {
    this.#readers.add(subtaskIndex);
    this.#assign();
    if (this.#settings.stopAt !== undefined) this.#context.signalNoMoreSplits(subtaskIndex);
  }

  handleSplitRequest(): void {}

  addSplitsBack(splits: readonly KafkaSplit[]): void {
    for (const split of splits) this.#discovered.add(split.splitId);
    this.#pending.push(...splits);
    this.#assign();
  }

  snapshotState(): Json {
    return { discovered: [...this.#discovered], pending: [...this.#pending] };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#transport.close();
  }

  #schedule(): void {
    const { stopAt, discoveryIntervalMs } = this.#settings;
    if (this.#isClosed || stopAt !== undefined || discoveryIntervalMs <= 0) return;
    this.#timer = this.#context.environment.scheduler.setTimer(discoveryIntervalMs, () => {
      void this.#discover(false)
        .catch((error: unknown) => {
          if (this.#isClosed) return;
          // Readers notice by themselves when a topic is gone for good.
          this.#context.logger.warn('looking for new Kafka partitions failed', { error: String(error) });
        })
        .then(() => this.#schedule());
    });
  }

  async #discover(isFirst: boolean): Promise<void> {
    const found: TopicPartition[] = [];
    for (const { topic, partitions } of await this.#transport.describeTopics(this.#settings.topics)) {
      if (partitions.length === 0) throw topicMissing(topic, this.#transport.description);
      for (const { partition } of partitions) {
        if (!this.#discovered.has(kafkaSplitId(topic, partition))) found.push({ topic, partition });
      }
    }
    if (found.length === 0) return;
    const offsets = isFirst ? await this.#firstOffsets(found) : await this.#list(found, 'earliest');
    const ends = this.#settings.stopAt === undefined ? undefined : await this.#list(found, this.#settings.stopAt);
    if (this.#isClosed) return;
    found.forEach(({ topic, partition }, i) => {
      const splitId = kafkaSplitId(topic, partition);
      this.#discovered.add(splitId);
      this.#pending.push({ splitId, topic, partition, offset: offsets[i]!, stoppingOffset: ends?.[i] ?? null });
    });
    if (!isFirst) this.#context.logger.info('found new Kafka partitions', { partitions: found.length });
    this.#assign();
  }

  async #firstOffsets(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    const { startFrom, groupId } = this.#settings;
    if (startFrom === 'earliest' || startFrom === 'latest') return this.#list(partitions, startFrom);
    if (startFrom === 'committed') {
      const committed = await this.#transport.committedOffsets(groupId!, partitions);
      const earliest = await this.#list(partitions, 'earliest');
      return partitions.map((_partition, i) => committed[i] ?? earliest[i]!);
    }
    if ('timestampMs' in startFrom) return this.#list(partitions, startFrom.timestampMs);
    const earliest = await this.#list(partitions, 'earliest');
    return partitions.map(
      ({ topic, partition }, i) => startFrom.offsets[kafkaSplitId(topic, partition)] ?? earliest[i]!,
    );
  }

  #list(partitions: readonly TopicPartition[], at: OffsetQuery['at']): Promise<readonly number[]> {
    const queries = partitions.map(({ topic, partition }) => ({ topic, partition, at }));
    return this.#transport.listOffsets(queries, this.#settings.isolation);
  }

  #assign(): void {
    const { parallelism } = this.#context;
    for (const subtaskIndex of this.#readers) {
      const splits = this.#pending.filter(
        ({ topic, partition }) => kafkaSplitOwner(topic, partition, parallelism) === subtaskIndex,
      );
      if (splits.length === 0) continue;
      this.#pending = this.#pending.filter((split) => !splits.includes(split));
      this.#context.assign(subtaskIndex, splits);
    }
  }
}
