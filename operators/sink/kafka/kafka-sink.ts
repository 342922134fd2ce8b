import { UserError } from '../../../engine/base/errors.ts';
import type { Committer, Sink, SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import { durationMs } from '../../../engine/time/duration.ts';
import { kafkaTransportFactory } from '../../kafka/connect.ts';
import { topicMissing } from '../../kafka/kafka-errors.ts';
import type { KafkaTransport, KafkaTransportFactory, TopicDescription } from '../../kafka/kafka-transport.ts';
import { TRANSACTION_TIMEOUT_MS } from '../../kafka/limits.ts';
import { CommitMarkers } from './commit-marker.ts';
import { KafkaCommitter } from './kafka-committer.ts';
import type { KafkaSinkOptions } from './kafka-sink-options.ts';
import { LowLatencyWriter } from './low-latency-writer.ts';
import { StagingWriter } from './staging-writer.ts';

/**
 * Writes to a topic: exactly once with the checkpoints, or at once with repetitions after a failure (`delivery`).
 *
 * @throws UserError CONFIGURATION when options contradict each other.
 */
export function kafkaSink<T>(options: KafkaSinkOptions<T>): Sink<T> {
  return options.delivery === 'low-latency' ? new LowLatencyKafkaSink(options) : new ExactlyOnceKafkaSink(options);
}

class KafkaSinkBase<T> {
  readonly description: string;
  protected readonly options: KafkaSinkOptions<T>;
  readonly #openTransport: KafkaTransportFactory;

  constructor(options: KafkaSinkOptions<T>) {
    this.description = `kafka ${options.topic}`;
    this.options = options;
    if (options.topic === '') throw new UserError('CONFIGURATION', 'kafkaSink: the topic is empty');
    if (options.changelog === 'upsert' && options.key === undefined) {
      throw new UserError('CONFIGURATION', `${this.description}: changelog 'upsert' needs a key`);
    }
    for (const name of ['batchBytes', 'bufferBytes'] as const) {
      const value = options[name];
      if (value !== undefined && !(value > 0)) {
        throw new UserError('CONFIGURATION', `${this.description}: expected a positive ${name}, found ${value}`);
      }
    }
    this.#openTransport = kafkaTransportFactory(options);
  }

  protected openTransport({ environment, logger }: SinkContext): KafkaTransport {
    return this.#openTransport({ environment, logger });
  }

  /** @throws UserError TOPIC_MISSING when the topic is not there and may not be created. */
  protected async findTopic(transport: KafkaTransport): Promise<TopicDescription> {
    const { topic, createTopic } = this.options;
    let [description] = await transport.describeTopics([topic]);
    if (description!.partitions.length === 0 && createTopic !== undefined) {
      await transport.createTopic({ topic, ...createTopic });
      [description] = await transport.describeTopics([topic]);
    }
    if (description!.partitions.length === 0) throw topicMissing(topic, transport.description);
    return description!;
  }
}

class ExactlyOnceKafkaSink<T> extends KafkaSinkBase<T> implements Sink<T> {
  async createWriter(context: SinkContext): Promise<SinkWriter<T>> {
    const transport = this.openTransport(context);
    try {
      const { partitions } = await this.findTopic(transport);
      return new StagingWriter(this.options, context, partitions.length);
    } finally {
      await transport.close();
    }
  }

  async createCommitter(context: SinkContext): Promise<Committer> {
    const { environment } = context;
    const { topic, transactionalIdPrefix = 'tidemark', transactionTimeout, markersTopic } = this.options;
    // The place in checkpoint storage names job, shard and sink.
    const transactionalId = `${transactionalIdPrefix}-${context.storagePrefix.replace(/\/$/, '')}`;
    const transport = this.openTransport(context);
    try {
      const { partitions } = await this.findTopic(transport);
      const markers = new CommitMarkers({
        transport,
        environment,
        topic: markersTopic ?? `${topic}-commits`,
        transactionalId,
      });
      await markers.open(partitions[0]!.replicaCount);
      const transactionTimeoutMs = durationMs(transactionTimeout ?? TRANSACTION_TIMEOUT_MS);
      const openProducer = () => transport.openProducer({ transactionalId, transactionTimeoutMs });
      const committer = new KafkaCommitter({ context, transport, markers, topic, openProducer });
      await committer.open();
      return committer;
    } catch (error) {
      await transport.close();
      throw error;
    }
  }
}

class LowLatencyKafkaSink<T> extends KafkaSinkBase<T> implements Sink<T> {
  async createWriter(context: SinkContext): Promise<SinkWriter<T>> {
    const transport = this.openTransport(context);
    try {
      const { partitions } = await this.findTopic(transport);
      const producer = await transport.openProducer();
      return new LowLatencyWriter({
        sink: this.options,
        context,
        transport,
        producer,
        partitionCount: partitions.length,
      });
    } catch (error) {
      await transport.close();
      throw error;
    }
  }
}
