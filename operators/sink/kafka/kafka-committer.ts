import { CheckpointCorruptError } from '../../../engine/base/errors.ts';
import type { Committer, SinkContext } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';
import type { Counter } from '../../../engine/base/metrics.ts';
import type { KafkaProducer, KafkaTransport } from '../../kafka/kafka-transport.ts';
import { type CommitMarker, type CommitMarkers, nextMarker } from './commit-marker.ts';
import { commitIdOf, type KafkaCommittable, type StagedFile } from './kafka-committable.ts';
import { REQUEST_BYTES_MAX } from './limits.ts';
import { PartitionQueues } from './partition-queues.ts';
import { readStagedBatches } from './staged-batches.ts';

/** What a committer knows while nothing has failed. */
interface Session {
  readonly producer: KafkaProducer;
  marker: CommitMarker | undefined;
}

/**
 * Publishes the staged records of a checkpoint in one Kafka transaction, together with a marker. Nothing is ever sent again
 * on a guess: after any failure a new producer is opened, which settles what the old one left open, and the newest
 * marker is read back; it tells whether the commit has happened.
 *
 * Law: the records of a checkpoint are visible to `read_committed` readers all or not at all, and once, whatever fails and
 * however often `commit` is called for it.
 */
export class KafkaCommitter implements Committer {
  readonly #context: SinkContext;
  readonly #transport: KafkaTransport;
  readonly #markers: CommitMarkers;
  readonly #topic: string;
  readonly #openProducer: () => Promise<KafkaProducer>;
  readonly #commits: Counter;
  readonly #recoveries: Counter;
  #session: Session | undefined;

  constructor(options: {
    readonly context: SinkContext;
    readonly transport: KafkaTransport;
    readonly markers: CommitMarkers;
    readonly topic: string;
    readonly openProducer: () => Promise<KafkaProducer>;
  }) {
    this.#context = options.context;
    this.#transport = options.transport;
    this.#markers = options.markers;
    this.#topic = options.topic;
    this.#openProducer = options.openProducer;
    this.#commits = options.context.metrics.counter('numCommits');
    this.#recoveries = options.context.metrics.counter('numCommitsRecovered');
  }

  /** Fences the committers of earlier attempts and ends what they left open, so that readers are not held up. */
  async open(): Promise<void> {
    await this.#openSession();
  }

  async commit(checkpointId: number, committables: readonly Json[]): Promise<void> {
    const parts = committables as unknown as readonly KafkaCommittable[];
    if (parts.length === 0) return;
    const files = parts.flatMap((part) => part.files);
    const commitId = commitIdOf(parts);
    const session = this.#session ?? (await this.#openSession());
    if (await this.#isCommitted(session.marker, checkpointId, commitId, files)) {
      this.#recoveries.value++;
      this.#context.logger.info(`checkpoint ${checkpointId} had been committed to ${this.#topic} before`);
    } else {
      const { jobName, sinkUid, attempt } = this.#context;
      const marker = nextMarker(session.marker, { jobName, sinkUid, attempt, checkpointId, commitId });
      try {
        await this.#publish(session.producer, files, marker);
      } catch (error) {
        this.#session = undefined;
        await session.producer.close();
        throw error;
      }
      session.marker = marker;
      this.#commits.value++;
    }
    await this.#removeStaged(files);
  }

  async close(): Promise<void> {
    await this.#session?.producer.close();
    await this.#transport.close();
  }

  async #openSession(): Promise<Session> {
    const producer = await this.#openProducer();
    // The producer first: the marker can be trusted only when no transaction of this sink is open any more.
    const marker = await this.#markers.readNewest();
    return (this.#session = { producer, marker });
  }

  async #publish(producer: KafkaProducer, files: readonly StagedFile[], marker: CommitMarker): Promise<void> {
    producer.begin();
    for (const file of files) {
      const { storage } = this.#context;
      const where = storage.url(file.key);
      const stored = await storage.get(file.key);
      if (stored === undefined) {
        // A successor of ours has removed it? Then this is refused, as fenced, before we call it lost.
        await producer.send([this.#markers.batch(marker)]);
        await producer.abort();
        throw missing(where);
      }
      const queues = new PartitionQueues();
      for (const batch of readStagedBatches(stored.bytes, where)) queues.push(batch);
      while (!queues.isEmpty) {
        await producer.send(queues.take(REQUEST_BYTES_MAX).map((batch) => ({ ...batch, topic: this.#topic })));
      }
    }
    await producer.send([this.#markers.batch(marker)]);
    await producer.commit();
  }

  async #isCommitted(
    marker: CommitMarker | undefined,
    checkpointId: number,
    commitId: string,
    files: readonly StagedFile[],
  ): Promise<boolean> {
    if (marker === undefined) return false;
    if (marker.commitIds.includes(commitId)) return true;
    if (marker.checkpointId < checkpointId) return false;
    // Later commits are there. Either this one is older than the marker remembers: then its files were removed when it was
    // done. Or the job was taken back to an older state and its checkpoints count anew: then the files are still there.
    const { storage, logger } = this.#context;
    for (const { key } of files) if ((await storage.get(key)) === undefined) return true;
    logger.warn(
      `${this.#topic} holds results up to checkpoint ${marker.checkpointId} already: the job was taken back to an older state and writes what followed again`,
      { checkpointId, sinkUid: this.#context.sinkUid },
    );
    return false;
  }

  /** Best effort: what is left over costs space only. */
  async #removeStaged(files: readonly StagedFile[]): Promise<void> {
    try {
      await this.#context.storage.delete(files.map(({ key }) => key));
    } catch (error) {
      this.#context.logger.warn('staged files of a finished commit were not removed', { error: String(error) });
    }
  }
}

function missing(where: string): CheckpointCorruptError {
  return new CheckpointCorruptError(`staged Kafka records ${where} are missing`, {
    hint: 'They belong to a checkpoint and must stay in checkpoint storage until the sink has committed them.',
  });
}
