import { assert } from '../../engine/base/assert.ts';
import type { KafkajsProtocol } from 'kafkajs/src/protocol/requests/index.js';
import { byTopic } from './by-topic.ts';
import { ClusterClient, type ClusterOptions } from './cluster-client.ts';
import { decodeFetchResponse, FETCH_VERSION_MAX } from './fetch-response.ts';
import { checkKafkaCode, KAFKA_ERROR, KafkaResponseError, toTidemarkError } from './kafka-errors.ts';
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
} from './kafka-transport.ts';
import { KafkajsProducer } from './kafkajs-producer.ts';
import { TopicLeaders } from './topic-leaders.ts';

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const GROUP_COORDINATOR = 0;
const EARLIEST = -2;
const LATEST = -1;
const NO_OFFSET = -1;

/** The real cluster, through kafkajs' connections. */
export class KafkajsTransport implements KafkaTransport {
  readonly #client: ClusterClient;
  readonly #leaders: TopicLeaders;

  constructor(options: ClusterOptions) {
    this.#client = new ClusterClient(options);
    this.#leaders = new TopicLeaders(this.#client);
  }

  get description(): string {
    return this.#client.description;
  }

  describeTopics(topics: readonly string[]): Promise<readonly TopicDescription[]> {
    return this.#client.retry(`describe topic ${topics.join(', ')}`, () => this.#leaders.describe(topics));
  }

  async listOffsets(queries: readonly OffsetQuery[], isolation: IsolationLevel): Promise<readonly number[]> {
    const offsets = new Array<number>(queries.length).fill(NO_OFFSET);
    // A request may name each partition once.
    for (const round of roundsOfDistinct(queries)) {
      const found = await this.#listOffsets(
        round.map((i) => queries[i]!),
        isolation,
      );
      round.forEach((i, position) => (offsets[i] = found[position]!));
    }
    // A time after the last record has no offset: that is the end.
    const beyond = queries.filter((_query, i) => offsets[i] === NO_OFFSET);
    if (beyond.length === 0) return offsets;
    const ends = await this.listOffsets(
      beyond.map((query) => ({ ...query, at: 'latest' })),
      isolation,
    );
    let next = 0;
    return offsets.map((offset) => (offset === NO_OFFSET ? ends[next++]! : offset));
  }

  #listOffsets(queries: readonly OffsetQuery[], isolation: IsolationLevel): Promise<number[]> {
    return this.#client.retry('list offsets', async () => {
      try {
        return await this.#tryListOffsets(queries, isolation);
      } catch (error) {
        for (const { topic } of queries) this.#leaders.forget(topic);
        throw error;
      }
    });
  }

  async #tryListOffsets(queries: readonly OffsetQuery[], isolation: IsolationLevel): Promise<number[]> {
    const offsets = new Array<number>(queries.length).fill(NO_OFFSET);
    const byLeader = await this.#leaders.group(queries);
    await Promise.all(
      [...byLeader].map(async ([leaderId, indexes]) => {
        const asked = indexes.map((i) => queries[i]!);
        const partitions = byTopic(asked, ({ partition, at }) => ({ partition, timestamp: listTimestamp(at) }));
        const answer = await this.#client.call<ListOffsetsAnswer>(await this.#client.broker(leaderId), 'ListOffsets', {
          replicaId: -1,
          isolationLevel: isolationCode(isolation),
          topics: partitions,
        });
        for (const { topic, partitions: found } of answer.responses) {
          for (const { partition, errorCode, offset } of found) {
            checkKafkaCode(errorCode, `list offsets of ${topic}-${partition}`);
            for (const i of indexes) {
              if (queries[i]!.topic === topic && queries[i]!.partition === partition) offsets[i] = Number(offset);
            }
          }
        }
      }),
    );
    return offsets;
  }

  async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    const broker = await this.#client.broker(request.leaderId);
    const version = this.#client.version(broker, 'Fetch', FETCH_VERSION_MAX);
    const topics = byTopic(request.partitions, ({ partition, offset, maxBytes }) => ({
      partition,
      fetchOffset: offset,
      maxBytes,
    }));
    const protocol = this.#client.protocol(broker, 'Fetch', {
      isolationLevel: isolationCode(request.isolation),
      maxWaitTime: request.maxWaitMs,
      minBytes: 1,
      maxBytes: request.maxBytes,
      topics,
      rackId: '',
    });
    assert(
      protocol.request.apiVersion === version,
      () => `kafkajs chose Fetch ${protocol.request.apiVersion}, expected ${version}`,
    );
    const payload = await this.#client.send<Buffer>(broker, { ...protocol, response: RAW_PAYLOAD });
    try {
      return decodeFetchResponse(payload, version);
    } catch (error) {
      throw error instanceof KafkaResponseError ? toTidemarkError(error, this.description) : error;
    }
  }

  async createTopic(topic: NewTopic): Promise<boolean> {
    const configEntries = Object.entries(topic.settings ?? {}).map(([name, value]) => ({ name, value }));
    const isNew = await this.#client.retry(`create topic ${topic.topic}`, async () => {
      const controllerId = await this.#leaders.controllerId();
      const answer = await this.#client.call<CreateTopicsAnswer>(
        await this.#client.broker(controllerId),
        'CreateTopics',
        {
          topics: [
            {
              topic: topic.topic,
              numPartitions: topic.partitions,
              replicationFactor: topic.replicationFactor,
              configEntries,
            },
          ],
          validateOnly: false,
          timeout: 15_000,
        },
      );
      const { errorCode, errorMessage } = answer.topicErrors[0]!;
      if (errorCode === KAFKA_ERROR.TOPIC_ALREADY_EXISTS) return false;
      checkKafkaCode(errorCode, `create topic ${topic.topic}`, errorMessage);
      return true;
    });
    // Brokers learn of a new topic a moment after the controller has made it.
    await this.#client.retry(`find topic ${topic.topic}`, async () => {
      const [found] = await this.#leaders.describe([topic.topic]);
      const isReady = found!.partitions.length > 0 && found!.partitions.every(({ leaderId }) => leaderId >= 0);
      if (!isReady) throw new KafkaResponseError(KAFKA_ERROR.LEADER_NOT_AVAILABLE, `find topic ${topic.topic}`);
    });
    return isNew;
  }

  committedOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<readonly (number | undefined)[]> {
    return this.#client.retry(`read the offsets of group ${groupId}`, async () => {
      const broker = await this.#leaders.coordinator(groupId, GROUP_COORDINATOR);
      const topics = byTopic(partitions, ({ partition }) => ({ partition }));
      const answer = await this.#client.call<OffsetFetchAnswer>(broker, 'OffsetFetch', { groupId, topics });
      checkKafkaCode(answer.errorCode ?? 0, `read the offsets of group ${groupId}`);
      return partitions.map(({ topic, partition }) => {
        const found = answer.responses
          .find((response) => response.topic === topic)
          ?.partitions.find((entry) => entry.partition === partition);
        checkKafkaCode(found?.errorCode ?? 0, `read the offsets of group ${groupId}`);
        const offset = Number(found?.offset ?? -1);
        return offset < 0 ? undefined : offset;
      });
    });
  }

  async commitOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    await this.#client.retry(`commit offsets of group ${groupId}`, async () => {
      const broker = await this.#leaders.coordinator(groupId, GROUP_COORDINATOR);
      const answer = await this.#client.call<OffsetCommitAnswer>(broker, 'OffsetCommit', {
        groupId,
        groupGenerationId: -1,
        memberId: '',
        retentionTime: -1,
        topics: byTopic(offsets, ({ partition, offset }) => ({ partition, offset })),
      });
      for (const { partitions } of answer.responses) {
        for (const { errorCode } of partitions) checkKafkaCode(errorCode, `commit offsets of group ${groupId}`);
      }
    });
  }

  openProducer(options: ProducerOptions = {}): Promise<KafkaProducer> {
    return KafkajsProducer.open(this.#client, this.#leaders, options);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

const RAW_PAYLOAD: KafkajsProtocol['response'] = {
  decode: async (payload) => payload,
  parse: async (payload) => payload,
};

interface ListOffsetsAnswer {
  readonly responses: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly errorCode: number; readonly offset: string }[];
  }[];
}

interface CreateTopicsAnswer {
  readonly topicErrors: readonly { readonly errorCode: number; readonly errorMessage?: string | null }[];
}

interface OffsetFetchAnswer {
  readonly errorCode?: number;
  readonly responses: ListOffsetsAnswer['responses'];
}

interface OffsetCommitAnswer {
  readonly responses: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[];
}

function isolationCode(isolation: IsolationLevel): number {
  return isolation === 'read_committed' ? READ_COMMITTED : READ_UNCOMMITTED;
}

function listTimestamp(at: OffsetQuery['at']): number {
  if (at === 'earliest') return EARLIEST;
  return at === 'latest' ? LATEST : Math.max(0, Math.floor(at));
}

/** Indexes of `queries`, cut into rounds that name no partition twice. */
function roundsOfDistinct(queries: readonly OffsetQuery[]): number[][] {
  const rounds: number[][] = [];
  const countByPartition = new Map<string, number>();
  queries.forEach(({ topic, partition }, i) => {
    const key = `${topic}-${partition}`;
    const count = countByPartition.get(key) ?? 0;
    countByPartition.set(key, count + 1);
    (rounds[count] ??= []).push(i);
  });
  return rounds;
}
