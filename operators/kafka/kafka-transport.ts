import type { Environment } from '../../engine/base/environment.ts';
import type { Logger } from '../../engine/base/logger.ts';
import type { AbortedTransaction } from './record-set-cursor.ts';

/**
 * The narrow port to a Kafka cluster: what sources and sinks need and no more. No consumer groups: positions live in
 * checkpoints. Record batches cross it as bytes in Kafka's own format, version 2 (`record-batch.ts`), so that nothing is
 * made per record here.
 *
 * Implementations: kafkajs (`kafkajs-transport.ts`) and the simulated cluster of the tests; both pass
 * `test/conformance/kafka/transport-suite.ts`. All methods but `fetch` retry transient faults themselves, for
 * `RETRY_TIMEOUT_MS`, and then throw ExternalError CONNECTION.
 */
export interface KafkaTransport {
  /** For messages: `Kafka at 127.0.0.1:9092`. */
  readonly description: string;
  /** In the order of `topics`; fresh from the cluster. A topic that does not exist has no partitions. */
  describeTopics(topics: readonly string[]): Promise<readonly TopicDescription[]>;
  /**
   * Offsets in the order of `queries`. `latest` is the end as readers of this isolation see it; for a time it is the first
   * record with that timestamp or a later one, the end when there is none.
   *
   * @throws UserError TOPIC_MISSING
   */
  listOffsets(queries: readonly OffsetQuery[], isolation: IsolationLevel): Promise<readonly number[]>;
  /**
   * Reads from one broker, waiting up to `maxWaitMs` for data. One try: what fails is told per partition, or thrown as
   * ExternalError CONNECTION when the broker could not be reached; the caller looks up leaders again and retries.
   */
  fetch(request: FetchRequest): Promise<readonly FetchedPartition[]>;
  /** False, changing nothing, when the topic is there already. */
  createTopic(topic: NewTopic): Promise<boolean>;
  /** Offsets that a consumer group has committed, in the order of `partitions`; undefined where it has not. */
  committedOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<readonly (number | undefined)[]>;
  /** Commits offsets for a group without members, so that monitoring can see them. Nothing is ever read from there. */
  commitOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void>;
  /**
   * Opens an idempotent producer, or a transactional one: that fences every earlier producer of the same transactional
   * id and ends its open transaction; when this resolves the outcome of that transaction is settled.
   */
  openProducer(options?: ProducerOptions): Promise<KafkaProducer>;
  /** Ends all connections; what is under way is rejected. */
  close(): Promise<void>;
}

export type IsolationLevel = 'read_committed' | 'read_uncommitted';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
}

export interface TopicDescription {
  readonly topic: string;
  /** Sorted by partition; empty when the topic does not exist. */
  readonly partitions: readonly PartitionDescription[];
}

export interface PartitionDescription {
  readonly partition: number;
  /** Node that leads the partition, or -1 while there is none. */
  readonly leaderId: number;
  readonly replicaCount: number;
}

export interface OffsetQuery extends TopicPartition {
  /** A number is a time in milliseconds since the epoch. */
  readonly at: 'earliest' | 'latest' | number;
}

export interface FetchRequest {
  /** The broker to ask: it leads all of `partitions`. */
  readonly leaderId: number;
  readonly partitions: readonly FetchPosition[];
  readonly isolation: IsolationLevel;
  /** Milliseconds the broker may wait for the first byte; it may answer earlier with nothing. */
  readonly maxWaitMs: number;
  /** Bytes of the whole answer, about: one batch that is larger comes whole. */
  readonly maxBytes: number;
}

export interface FetchPosition extends PartitionOffset {
  /** Bytes of this partition at most, about. */
  readonly maxBytes: number;
}

export interface FetchedPartition extends TopicPartition {
  /**
   * `moved`: another broker leads now, or none, look it up. `outOfRange`: the broker does not have the offset.
   * `missing`: the topic or partition does not exist (or the broker does not know it yet).
   */
  readonly status: 'ok' | 'moved' | 'outOfRange' | 'missing';
  /** Record batches one after the other, the last maybe cut off; may start before the offset asked for. */
  readonly records: Buffer;
  /** Sorted by first offset; always empty for `read_uncommitted`. */
  readonly aborted: readonly AbortedTransaction[];
  /** Offset behind the last record that all replicas have. */
  readonly highWatermark: number;
  /** Offset of the first record of an undecided transaction, else the high watermark. */
  readonly lastStableOffset: number;
}

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Settings such as `cleanup.policy`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface ProducerOptions {
  /** Absent: an idempotent producer without transactions. */
  readonly transactionalId?: string | undefined;
  /** After this many milliseconds the cluster aborts a transaction that is still open. Default 300,000. */
  readonly transactionTimeoutMs?: number | undefined;
}

/** Records of one partition as one encoded batch (`RecordBatchBuilder.finish`); sealed by the producer that sends it. */
export interface ProduceBatch extends TopicPartition {
  readonly batch: Buffer;
}

/**
 * Sends batches in order, each exactly once as long as the producer lives. After anything but success it is poisoned:
 * whether the records are stored is unknown, every further call throws, and the caller opens a new one and finds out.
 */
export interface KafkaProducer {
  /** Starts a transaction. Transactional producers only. */
  begin(): void;
  /**
   * Resolves when all replicas have the batches; at most one per partition in a call. Batches of one partition keep the
   * order of calls. Calls may overlap.
   *
   * Outside of a transaction, batches whose timestamps are older than the brokers' `producer.id.expiration.ms` (a day) may
   * be stored twice when a broker dies: it forgets the producer by the time of its records. Tried; with a transaction
   * open it does not.
   *
   * @throws ExternalError CONNECTION: outcome unknown; FENCED: a newer producer has taken over.
   * @throws UserError CONFIGURATION when a batch is larger than the topic allows; TOPIC_MISSING.
   */
  send(batches: readonly ProduceBatch[]): Promise<void>;
  /**
   * Makes the transaction visible, all or nothing; readers may see it a moment after this resolves.
   *
   * @throws ExternalError TRANSACTION_OUTCOME_UNKNOWN when the answer got lost; FENCED.
   */
  commit(): Promise<void>;
  abort(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a transport: one per reader, writer or committer, so that none waits behind the long poll of another. */
export type KafkaTransportFactory = (options: TransportOptions) => KafkaTransport;

export interface TransportOptions {
  readonly environment: Environment;
  readonly logger: Logger;
}
