import type { Environment } from '../../../engine/base/environment.ts';
import { ExternalError } from '../../../engine/base/errors.ts';
import type { KafkaTransport, ProduceBatch } from '../../kafka/kafka-transport.ts';
import { topicMissing } from '../../kafka/kafka-errors.ts';
import { partitionOfKey } from '../../kafka/murmur2.ts';
import { readPartition } from '../../kafka/read-partition.ts';
import { RecordBatchBuilder } from '../../kafka/record-batch-builder.ts';
import { RECENT_COMMITS_MAX } from './limits.ts';

/**
 * What a commit leaves behind, in the same transaction as its records: the newest one tells what has been committed.
 * A record of the markers topic: the key is the transactional id, the value this as JSON.
 */
export interface CommitMarker {
  readonly format: 1;
  readonly jobName: string;
  readonly sinkUid: string;
  readonly checkpointId: number;
  /** Number of the attempt that committed. */
  readonly attempt: number;
  /** Ids of the newest commits (`commitIdOf`), newest first, this one included. */
  readonly commitIds: readonly string[];
}

/** The marker of the next commit. */
export function nextMarker(
  before: CommitMarker | undefined,
  commit: Omit<CommitMarker, 'format' | 'commitIds'> & { readonly commitId: string },
): CommitMarker {
  const { jobName, sinkUid, checkpointId, attempt, commitId } = commit;
  const commitIds = [commitId, ...(before?.commitIds ?? [])].slice(0, RECENT_COMMITS_MAX);
  return { format: 1, jobName, sinkUid, checkpointId, attempt, commitIds };
}

/** The markers of one sink in a compacted topic that sinks may share. */
export class CommitMarkers {
  readonly #transport: KafkaTransport;
  readonly #environment: Environment;
  readonly #topic: string;
  readonly #key: Buffer;
  #partition = 0;

  /** @param transactionalId the key of this sink's markers. */
  constructor(options: {
    readonly transport: KafkaTransport;
    readonly environment: Environment;
    readonly topic: string;
    readonly transactionalId: string;
  }) {
    this.#transport = options.transport;
    this.#environment = options.environment;
    this.#topic = options.topic;
    this.#key = Buffer.from(options.transactionalId);
  }

  /** Creates the topic if it is missing. */
  async open(replicationFactor: number): Promise<void> {
    let [description] = await this.#transport.describeTopics([this.#topic]);
    if (description!.partitions.length === 0) {
      await this.#transport.createTopic({
        topic: this.#topic,
        partitions: 1,
        replicationFactor,
        // Compacted soon, so that reading it stays short.
        settings: { 'cleanup.policy': 'compact', 'segment.ms': '3600000', 'min.cleanable.dirty.ratio': '0.1' },
      });
      [description] = await this.#transport.describeTopics([this.#topic]);
    }
    const partitionCount = description!.partitions.length;
    if (partitionCount === 0) throw topicMissing(this.#topic, this.#transport.description);
    this.#partition = partitionOfKey(partitionCount, this.#key);
  }

  /** The newest committed marker of this sink. Meaningful only while no transaction of this sink is open. */
  async readNewest(): Promise<CommitMarker | undefined> {
    let newest: CommitMarker | undefined;
    const place = { topic: this.#topic, partition: this.#partition };
    await readPartition(this.#transport, this.#environment, place, (columns, index) => {
      if (columns.key(index)?.equals(this.#key) === true) newest = parseMarker(columns.value(index), this.#topic);
    });
    return newest;
  }

  batch(marker: CommitMarker): ProduceBatch {
    const builder = new RecordBatchBuilder();
    builder.append(this.#key, Buffer.from(JSON.stringify(marker)), this.#environment.clock.nowMs());
    return { topic: this.#topic, partition: this.#partition, batch: builder.finish() };
  }
}

function parseMarker(value: Buffer | null, topic: string): CommitMarker | undefined {
  if (value === null) return undefined; // deleted by hand: as if nothing had been committed
  const marker = JSON.parse(value.toString()) as CommitMarker;
  if (marker.format === 1) return marker;
  throw new ExternalError('STATE_INCOMPATIBLE', `markers topic ${topic}: expected format 1, found ${marker.format}`, {
    retryable: false,
    hint: 'A newer version of tidemark has written to this topic; run that one.',
  });
}
