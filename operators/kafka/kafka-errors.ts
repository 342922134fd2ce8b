import { ExternalError, type TidemarkError, UserError } from '../../engine/base/errors.ts';

/** Kafka's error codes that we act on or explain. */
export const KAFKA_ERROR = {
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  REPLICA_NOT_AVAILABLE: 9,
  MESSAGE_TOO_LARGE: 10,
  NETWORK_EXCEPTION: 13,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC_EXCEPTION: 17,
  RECORD_LIST_TOO_LARGE: 18,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38,
  INVALID_CONFIG: 40,
  NOT_CONTROLLER: 41,
  POLICY_VIOLATION: 44,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  DUPLICATE_SEQUENCE_NUMBER: 46,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  INVALID_TRANSACTION_TIMEOUT: 50,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  KAFKA_STORAGE_ERROR: 56,
  UNKNOWN_PRODUCER_ID: 59,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  OFFSET_NOT_AVAILABLE: 78,
  INVALID_RECORD: 87,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100,
} as const;

const NAMES = new Map<number, string>(Object.entries(KAFKA_ERROR).map(([name, code]) => [code, name]));

/** Worth another try, after looking up leader or coordinator again. */
const TRANSIENT: ReadonlySet<number> = new Set([
  KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION,
  KAFKA_ERROR.LEADER_NOT_AVAILABLE,
  KAFKA_ERROR.NOT_LEADER_OR_FOLLOWER,
  KAFKA_ERROR.REQUEST_TIMED_OUT,
  KAFKA_ERROR.REPLICA_NOT_AVAILABLE,
  KAFKA_ERROR.NETWORK_EXCEPTION,
  KAFKA_ERROR.COORDINATOR_LOAD_IN_PROGRESS,
  KAFKA_ERROR.COORDINATOR_NOT_AVAILABLE,
  KAFKA_ERROR.NOT_COORDINATOR,
  KAFKA_ERROR.NOT_ENOUGH_REPLICAS,
  KAFKA_ERROR.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  KAFKA_ERROR.NOT_CONTROLLER,
  KAFKA_ERROR.CONCURRENT_TRANSACTIONS,
  KAFKA_ERROR.KAFKA_STORAGE_ERROR,
  KAFKA_ERROR.FENCED_LEADER_EPOCH,
  KAFKA_ERROR.UNKNOWN_LEADER_EPOCH,
  KAFKA_ERROR.OFFSET_NOT_AVAILABLE,
  KAFKA_ERROR.UNKNOWN_TOPIC_ID,
]);

/** Codes that whoever runs the job has to act on, with what to do. */
const HINTS = new Map<number, string>([
  [KAFKA_ERROR.MESSAGE_TOO_LARGE, "Raise the topic's max.message.bytes, or lower batchBytes of the sink."],
  [KAFKA_ERROR.RECORD_LIST_TOO_LARGE, "Raise the topic's segment.bytes, or lower batchBytes of the sink."],
  [
    KAFKA_ERROR.INVALID_TOPIC_EXCEPTION,
    'Topic names have letters, digits, dot, underscore and hyphen, at most 249 characters.',
  ],
  [KAFKA_ERROR.TOPIC_AUTHORIZATION_FAILED, 'Give the user of the sasl option the right to read or write this topic.'],
  [
    KAFKA_ERROR.GROUP_AUTHORIZATION_FAILED,
    'Give the user of the sasl option the right to use this group, or leave groupId out.',
  ],
  [
    KAFKA_ERROR.CLUSTER_AUTHORIZATION_FAILED,
    'Give the user of the sasl option the right IdempotentWrite on the cluster.',
  ],
  [
    KAFKA_ERROR.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    'Give the user of the sasl option the right to use this transactional id.',
  ],
  [KAFKA_ERROR.INVALID_PARTITIONS, 'Correct the number of partitions.'],
  [KAFKA_ERROR.INVALID_REPLICATION_FACTOR, 'The replication factor may not be larger than the number of brokers.'],
  [KAFKA_ERROR.INVALID_CONFIG, 'Correct the settings of the topic.'],
  [KAFKA_ERROR.POLICY_VIOLATION, 'The cluster has a policy against this; ask who runs it.'],
  [
    KAFKA_ERROR.INVALID_TRANSACTION_TIMEOUT,
    "Lower transactionTimeout to at most the brokers' transaction.max.timeout.ms.",
  ],
]);

/** The cluster answered with an error code. Does not leave the transport: `toTidemarkError` turns it into one of ours. */
export class KafkaResponseError extends Error {
  readonly kafkaCode: number;

  /** @param what the call that failed, for messages: `describe topic clicks`. */
  constructor(kafkaCode: number, what: string, detail?: string | null) {
    const name = NAMES.get(kafkaCode) ?? `Kafka error ${kafkaCode}`;
    super(`${what}: ${name}${detail === undefined || detail === null ? '' : `, ${detail}`}`);
    this.kafkaCode = kafkaCode;
  }
}

/** @throws KafkaResponseError unless `kafkaCode` is 0. */
export function checkKafkaCode(kafkaCode: number, what: string, detail?: string | null): void {
  if (kafkaCode !== 0) throw new KafkaResponseError(kafkaCode, what, detail);
}

/** Whether the same request may be sent again and succeed later. */
export function isTransient(error: unknown): boolean {
  if (error instanceof KafkaResponseError) return TRANSIENT.has(error.kafkaCode);
  return error instanceof ExternalError && error.code === 'CONNECTION' && error.retryable;
}

/** What an answer means for the job: the user has to act, a newer producer is there, or a new producer may succeed. */
export function toTidemarkError(error: KafkaResponseError, where: string): TidemarkError {
  const hint = HINTS.get(error.kafkaCode);
  const message = `${where} refused to ${error.message}`;
  if (hint !== undefined) return new UserError('CONFIGURATION', message, { cause: error, hint });
  switch (error.kafkaCode) {
    case KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION:
      return new UserError('TOPIC_MISSING', message, { cause: error, hint: 'Create the topic, or correct its name.' });
    case KAFKA_ERROR.INVALID_PRODUCER_EPOCH:
    case KAFKA_ERROR.PRODUCER_FENCED:
      return new ExternalError('FENCED', `${message}: a newer producer has taken over`, {
        cause: error,
        retryable: false,
        hint: 'Another attempt of this job is running, or another job has the same transactional id: stop one, or set transactionalIdPrefix. A transaction that takes longer than transactionTimeout looks the same.',
      });
    default:
      return new ExternalError('CONNECTION', message, { cause: error });
  }
}

/** A topic that a job needs is not there. */
export function topicMissing(topic: string, where: string): UserError {
  return new UserError('TOPIC_MISSING', `topic ${topic} does not exist on ${where}`, {
    hint: 'Create the topic, or correct its name; a sink creates it when its option createTopic is set.',
  });
}
