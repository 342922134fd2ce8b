import type { Environment } from '../../../engine/base/environment.ts';
import { ExternalError } from '../../../engine/base/errors.ts';
import { topicMissing } from '../../../operators/kafka/kafka-errors.ts';
import type {
  FetchedPartition,
  FetchRequest,
  IsolationLevel,
  KafkaProducer,
  KafkaTransport,
  NewTopic,
  OffsetQuery,
  PartitionOffset,
  ProducerOptions,
  TopicDescription,
  TopicPartition,
} from '../../../operators/kafka/kafka-transport.ts';
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, RETRY_TIMEOUT_MS } from '../../../operators/kafka/limits.ts';
import type { SimulatedKafka } from './simulated-kafka.ts';
import type { SimulatedPartition } from './simulated-partition.ts';
import { lost, SimulatedProducer } from './simulated-producer.ts';

/** One client's connection to a simulated cluster. */
export class SimulatedTransport implements KafkaTransport {
  readonly description = 'simulated Kafka';
  readonly #kafka: SimulatedKafka;
  readonly #environment: Environment;
  #isClosed = false;

  constructor(kafka: SimulatedKafka, environment: Environment) {
    this.#kafka = kafka;
    this.#environment = environment;
  }

  describeTopics(topics: readonly string[]): Promise<readonly TopicDescription[]> {
    return this.#retry(() =>
      topics.map((topic) => ({
        topic,
        partitions: this.#kafka.partitions(topic).map(({ leaderId }, partition) => ({
          partition,
          leaderId: this.#kafka.isUp(leaderId) ? leaderId : -1,
          replicaCount: 1,
        })),
      })),
    );
  }

  listOffsets(queries: readonly OffsetQuery[], isolation: IsolationLevel): Promise<readonly number[]> {
    return this.#retry(() =>
      queries.map(({ topic, partition, at }) => {
        const found = this.#partition(topic, partition);
        const end = isolation === 'read_committed' ? found.lastStableOffset : found.endOffset;
        if (at === 'earliest') return found.startOffset;
        return at === 'latest' ? end : Math.min(end, found.offsetAt(at) ?? end);
      }),
    );
  }

  async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    await this.#enter();
    if (!this.#kafka.isUp(request.leaderId) || this.#kafka.isFaulty('fetch')) throw lost('fetch');
    let answer = this.#read(request);
    if (answer.every(({ status, records }) => status === 'ok' && records.length === 0)) {
      await this.#waitForAppend(request);
      if (this.#isClosed || !this.#kafka.isUp(request.leaderId)) throw lost('fetch');
      answer = this.#read(request);
    }
    return answer;
  }

  createTopic(topic: NewTopic): Promise<boolean> {
    return this.#retry(() => this.#kafka.createTopic(topic));
  }

  committedOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<readonly (number | undefined)[]> {
    return this.#retry(() => {
      const offsets = this.#kafka.group(groupId);
      return partitions.map(({ topic, partition }) => offsets.get(`${topic}-${partition}`));
    });
  }

  commitOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    return this.#retry(() => {
      const group = this.#kafka.group(groupId);
      for (const { topic, partition, offset } of offsets) group.set(`${topic}-${partition}`, offset);
    });
  }

  async openProducer(options: ProducerOptions = {}): Promise<KafkaProducer> {
    const producer = await this.#retry(() => {
      if (this.#kafka.isFaulty('open')) {
        throw new ExternalError('CONNECTION', 'no producer could be opened', { retryable: true });
      }
      return this.#kafka.openProducer(options);
    });
    return new SimulatedProducer(this.#kafka, producer, options.transactionalId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  async #enter(): Promise<void> {
    await this.#kafka.latency();
    if (this.#isClosed) throw new ExternalError('CANCELED', 'the transport is closed', { retryable: false });
  }

  async #retry<T>(action: () => T): Promise<T> {
    const { clock, scheduler } = this.#environment;
    const startMs = clock.monotonicMs();
    for (let backoffMs = BACKOFF_FIRST_MS; ; backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)) {
      await this.#enter();
      if (this.#kafka.isAnyUp) return action();
      if (clock.monotonicMs() - startMs >= RETRY_TIMEOUT_MS) throw lost('call');
      await scheduler.delay(backoffMs);
    }
  }

  #partition(topic: string, partition: number): SimulatedPartition {
    const found = this.#kafka.partition(topic, partition);
    if (found === undefined) throw topicMissing(topic, this.description);
    return found;
  }

  #read(request: FetchRequest): FetchedPartition[] {
    let bytesLeft = request.maxBytes;
    return request.partitions.map(({ topic, partition, offset, maxBytes }): FetchedPartition => {
      const found = this.#kafka.partition(topic, partition);
      const nothing = {
        topic,
        partition,
        records: Buffer.alloc(0),
        aborted: [],
        highWatermark: -1,
        lastStableOffset: -1,
      };
      if (found === undefined) return { ...nothing, status: 'missing' };
      if (found.leaderId !== request.leaderId) return { ...nothing, status: 'moved' };
      if (offset < found.startOffset || offset > found.endOffset) return { ...nothing, status: 'outOfRange' };
      const isCommitted = request.isolation === 'read_committed';
      const visibleEnd = isCommitted ? found.lastStableOffset : found.endOffset;
      const records = bytesLeft <= 0 ? nothing.records : found.read(offset, visibleEnd, Math.min(maxBytes, bytesLeft));
      bytesLeft -= records.length;
      return {
        topic,
        partition,
        status: 'ok',
        records,
        aborted: isCommitted ? found.abortedFrom(offset, visibleEnd) : [],
        highWatermark: found.endOffset,
        lastStableOffset: found.lastStableOffset,
      };
    });
  }

  async #waitForAppend(request: FetchRequest): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#environment.scheduler.setTimer(request.maxWaitMs, resolve);
    for (const { topic, partition } of request.partitions) this.#kafka.partition(topic, partition)?.onAppend(resolve);
    await promise;
    timer.cancel();
  }
}
