import type Broker from 'kafkajs/src/broker/index.js';
import { ExternalError } from '../../engine/base/errors.ts';
import type { ClusterClient } from './cluster-client.ts';
import { checkKafkaCode, KAFKA_ERROR, topicMissing } from './kafka-errors.ts';
import type { TopicDescription, TopicPartition } from './kafka-transport.ts';

/** What is known about who leads which partition and who coordinates which group or transactional id. */
export class TopicLeaders {
  readonly #client: ClusterClient;
  readonly #topics = new Map<string, TopicDescription>();

  constructor(client: ClusterClient) {
    this.#client = client;
  }

  /** Asks the cluster. One try. */
  async describe(topics: readonly string[]): Promise<TopicDescription[]> {
    const answer = await this.#metadata(topics);
    return topics.map((topic) => {
      const found = answer.topicMetadata.find((entry) => entry.topic === topic);
      const code = found?.topicErrorCode ?? KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION;
      if (code === KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION) {
        this.#topics.delete(topic);
        return { topic, partitions: [] };
      }
      checkKafkaCode(code, `describe topic ${topic}`);
      const partitions = found!.partitionMetadata
        .map(({ partitionId, leader, replicas }) => ({
          partition: partitionId,
          leaderId: leader,
          replicaCount: replicas.length,
        }))
        .sort((a, b) => a.partition - b.partition);
      const description = { topic, partitions };
      this.#topics.set(topic, description);
      return description;
    });
  }

  /** Forget what is known of a topic: it turned out to be wrong. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /**
   * Indexes of `partitions` by the node that leads them.
   *
   * @throws UserError TOPIC_MISSING; a retryable error while a partition has no leader.
   */
  async group(partitions: readonly TopicPartition[]): Promise<Map<number, number[]>> {
    const unknown = new Set(partitions.map(({ topic }) => topic).filter((topic) => !this.#topics.has(topic)));
    if (unknown.size > 0) await this.describe([...unknown]);
    const indexesByLeader = new Map<number, number[]>();
    partitions.forEach(({ topic, partition }, index) => {
      const description = this.#topics.get(topic);
      if (description === undefined) throw topicMissing(topic, this.#client.description);
      const leaderId = description.partitions.find((entry) => entry.partition === partition)?.leaderId ?? -1;
      if (leaderId < 0) {
        this.forget(topic);
        throw new ExternalError('CONNECTION', `partition ${topic}-${partition} has no leader`);
      }
      const indexes = indexesByLeader.get(leaderId);
      if (indexes === undefined) indexesByLeader.set(leaderId, [index]);
      else indexes.push(index);
    });
    return indexesByLeader;
  }

  async controllerId(): Promise<number> {
    // An empty list would ask for all topics.
    return (await this.#metadata(['__transaction_state'])).controllerId;
  }

  /** The broker that coordinates a consumer group (type 0) or a transactional id (type 1). One try. */
  async coordinator(key: string, coordinatorType: number): Promise<Broker> {
    const answer = await this.#client.call<CoordinatorAnswer>(await this.#client.anyBroker(), 'GroupCoordinator', {
      groupId: key,
      coordinatorType,
    });
    checkKafkaCode(answer.errorCode, `find the coordinator of ${key}`);
    const { nodeId, host, port } = answer.coordinator;
    this.#client.learnAddress(nodeId, host, port);
    return this.#client.broker(nodeId);
  }

  async #metadata(topics: readonly string[]): Promise<MetadataAnswer> {
    const answer = await this.#client.call<MetadataAnswer>(await this.#client.anyBroker(), 'Metadata', {
      topics,
      allowAutoTopicCreation: false,
    });
    for (const { nodeId, host, port } of answer.brokers) this.#client.learnAddress(nodeId, host, port);
    return answer;
  }
}

interface MetadataAnswer {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly controllerId: number;
  readonly topicMetadata: readonly {
    readonly topicErrorCode: number;
    readonly topic: string;
    readonly partitionMetadata: readonly {
      readonly partitionId: number;
      readonly leader: number;
      readonly replicas: readonly number[];
    }[];
  }[];
}

interface CoordinatorAnswer {
  readonly errorCode: number;
  readonly coordinator: { readonly nodeId: number; readonly host: string; readonly port: number };
}
