import type { Environment } from '../../../engine/base/environment.ts';
import { TidemarkError, UserError } from '../../../engine/base/errors.ts';
import type { Logger } from '../../../engine/base/logger.ts';
import { topicMissing } from '../../kafka/kafka-errors.ts';
import type { FetchedPartition, FetchPosition, KafkaTransport } from '../../kafka/kafka-transport.ts';
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS } from '../../kafka/limits.ts';
import { measureRecordSet } from '../../kafka/record-set-cursor.ts';
import type { KafkaSourceSettings } from './kafka-source-settings.ts';
import type { PartitionBuffer } from './partition-buffer.ts';

/** Milliseconds that a broker may wait for data: how long a fetch without news lasts. */
const FETCH_WAIT_MS = 250;
/** The same while a partition that may soon have room again, or is paused, had to be left out of the fetch. */
const FETCH_WAIT_CROWDED_MS = 10;
/** Bytes of a whole answer of one broker, at most. */
const FETCH_BYTES_MAX = 16 * 1024 * 1024;
/** Milliseconds that a topic may be unknown to the cluster before that is taken for true. */
const MISSING_GRACE_MS = 30_000;

export interface PartitionFetcherOptions {
  readonly transport: KafkaTransport;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly settings: KafkaSourceSettings;
  /** Called when a partition has got data or was found to be fetched to its end. */
  readonly onData: (byteCount: number) => void;
  /** Called at most once, when reading cannot go on. */
  readonly onError: (error: unknown) => void;
}

/**
 * Keeps partition buffers filled: at most one fetch at a time per broker, for all partitions it leads that have room.
 * Lost connections and moved leaders are retried for as long as it takes; what no retry can heal goes to `onError`.
 */
export class PartitionFetcher {
  readonly #options: PartitionFetcherOptions;
  readonly #partitions = new Map<string, PartitionBuffer<unknown>>();
  readonly #busyLeaders = new Set<number>();
  #isFindingLeaders = false;
  #failureCount = 0;
  #missingSinceMs: number | undefined;
  #isEnded = false;

  constructor(options: PartitionFetcherOptions) {
    this.#options = options;
  }

  add(partition: PartitionBuffer<unknown>): void {
    this.#partitions.set(partition.split.splitId, partition);
  }

  remove(splitId: string): void {
    this.#partitions.delete(splitId);
  }

  close(): void {
    this.#isEnded = true;
  }

  /** Starts the fetches that are wanted and not yet under way. Cheap; called whenever room or partitions were added. */
  pump(): void {
    if (this.#isEnded) return;
    const { settings } = this.#options;
    let freeBytes = settings.bufferBytesMax;
    let pausedBytes = 0;
    for (const { isPaused, bufferedBytes } of this.#partitions.values()) {
      if (isPaused) pausedBytes += bufferedBytes;
      else freeBytes -= bufferedBytes;
    }
    // Paused partitions wait for the others: half of the buffer is left to those.
    freeBytes -= Math.min(pausedBytes, settings.bufferBytesMax / 2);
    const wantedByLeader = new Map<number, PartitionBuffer<unknown>[]>();
    const crowdedLeaders = new Set<number>();
    let isLeaderUnknown = false;
    for (const partition of this.#partitions.values()) {
      if (partition.isFetched) continue;
      if (partition.leaderId < 0) {
        isLeaderUnknown = true;
      } else if (partition.isPaused || partition.bufferedBytes >= settings.partitionBytesMax || freeBytes <= 0) {
        crowdedLeaders.add(partition.leaderId);
      } else {
        const wanted = wantedByLeader.get(partition.leaderId);
        if (wanted === undefined) wantedByLeader.set(partition.leaderId, [partition]);
        else wanted.push(partition);
      }
    }
    if (isLeaderUnknown) this.#findLeaders();
    for (const [leaderId, wanted] of wantedByLeader) {
      if (this.#busyLeaders.has(leaderId)) continue;
      const maxWaitMs = crowdedLeaders.has(leaderId) ? FETCH_WAIT_CROWDED_MS : FETCH_WAIT_MS;
      const maxBytes = Math.min(FETCH_BYTES_MAX, Math.ceil(freeBytes));
      this.#run(leaderId, () => this.#fetch(leaderId, wanted, maxWaitMs, maxBytes));
    }
  }

  /** Runs a fetch; `leaderId` is busy meanwhile. */
  #run(leaderId: number, action: () => Promise<void>): void {
    this.#busyLeaders.add(leaderId);
    void action()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#busyLeaders.delete(leaderId);
        this.pump();
      });
  }

  async #fetch(
    leaderId: number,
    wanted: readonly PartitionBuffer<unknown>[],
    maxWaitMs: number,
    maxBytes: number,
  ): Promise<void> {
    const { transport, settings } = this.#options;
    const positions: FetchPosition[] = wanted.map(({ split, fetchOffset }) => ({
      topic: split.topic,
      partition: split.partition,
      offset: fetchOffset,
      maxBytes: settings.partitionBytesMax,
    }));
    let fetched: readonly FetchedPartition[];
    try {
      fetched = await transport.fetch({
        leaderId,
        partitions: positions,
        isolation: settings.isolation,
        maxWaitMs,
        maxBytes,
      });
    } catch (error) {
      if (this.#isEnded) return;
      if (error instanceof TidemarkError && !error.retryable) throw error;
      for (const partition of wanted) partition.leaderId = -1;
      await this.#backOff(`fetching from Kafka node ${leaderId} failed`, error);
      return;
    }
    if (this.#isEnded) return;
    this.#failureCount = 0;
    let moved: FetchedPartition | undefined;
    for (const answer of fetched) {
      const partition = this.#partitions.get(`${answer.topic}-${answer.partition}`);
      if (partition === undefined) continue;
      if (answer.status === 'ok') {
        this.#accept(partition, answer);
      } else {
        if (answer.status === 'outOfRange') await this.#checkRange(partition);
        partition.leaderId = -1;
        moved = answer;
      }
    }
    if (moved !== undefined) await this.#backOff(`${moved.topic}-${moved.partition} has to be looked up`, moved.status);
  }

  #accept(partition: PartitionBuffer<unknown>, answer: FetchedPartition): void {
    const startOffset = partition.fetchOffset;
    const { nextOffset, wholeBytes } = measureRecordSet(answer.records, startOffset);
    const isCommitted = this.#options.settings.isolation === 'read_committed';
    partition.endOffset = isCommitted ? answer.lastStableOffset : answer.highWatermark;
    partition.isEndKnown = true;
    if (wholeBytes === 0) return;
    partition.fetchOffset = nextOffset;
    partition.add({
      description: partition.split.splitId,
      bytes: answer.records.subarray(0, wholeBytes),
      startOffset,
      aborted: answer.aborted,
    });
    this.#options.onData(wholeBytes);
  }

  #findLeaders(): void {
    if (this.#isFindingLeaders) return;
    this.#isFindingLeaders = true;
    void this.#lookUpLeaders()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#isFindingLeaders = false;
        this.pump();
      });
  }

  async #lookUpLeaders(): Promise<void> {
    const { transport } = this.#options;
    const lost = [...this.#partitions.values()].filter(({ leaderId }) => leaderId < 0);
    const topics = [...new Set(lost.map(({ split }) => split.topic))];
    let descriptions;
    try {
      descriptions = await transport.describeTopics(topics);
    } catch (error) {
      if (this.#isEnded) return;
      if (error instanceof TidemarkError && !error.retryable) throw error;
      await this.#backOff('Kafka cannot be reached', error);
      return;
    }
    let missing: PartitionBuffer<unknown> | undefined;
    let isLeaderless = false;
    for (const partition of lost) {
      const { topic, partition: index } = partition.split;
      const found = descriptions
        .find((description) => description.topic === topic)
        ?.partitions.find((entry) => entry.partition === index);
      partition.leaderId = found?.leaderId ?? -1;
      if (found === undefined) missing = partition;
      else if (found.leaderId < 0) isLeaderless = true;
    }
    const nowMs = this.#options.environment.clock.monotonicMs();
    if (missing === undefined) this.#missingSinceMs = undefined;
    else {
      this.#missingSinceMs ??= nowMs;
      if (nowMs - this.#missingSinceMs >= MISSING_GRACE_MS) {
        throw topicMissing(`${missing.split.topic} (partition ${missing.split.partition})`, transport.description);
      }
    }
    if (missing !== undefined || isLeaderless) await this.#backOff('a partition has no leader', topics.join(', '));
  }

  /** An offset that the broker does not have is never replaced by another one: that would lose or repeat records. */
  async #checkRange(partition: PartitionBuffer<unknown>): Promise<void> {
    const { topic, partition: index, splitId } = partition.split;
    const wanted = partition.fetchOffset;
    const [earliest, end] = (await this.#options.transport.listOffsets(
      [
        { topic, partition: index, at: 'earliest' },
        { topic, partition: index, at: 'latest' },
      ],
      'read_uncommitted',
    )) as [number, number];
    if (wanted >= earliest && wanted <= end) return; // a new leader that was behind for a moment
    const isTooOld = wanted < earliest;
    throw new UserError(
      'OFFSET_OUT_OF_RANGE',
      `${splitId}: expected to read on at offset ${wanted}, the broker has [${earliest}, ${end})` +
        (isTooOld ? `: ${earliest - wanted} offsets were deleted unread` : ': the topic was truncated or made anew'),
      {
        hint: isTooOld
          ? "Raise the topic's retention above the longest outage. To go on without the lost records, start the job from a newer savepoint, or without state and startFrom 'earliest'."
          : "Start the job without this source's state, or from a savepoint that fits the topic.",
      },
    );
  }

  async #backOff(what: string, reason: unknown): Promise<void> {
    const { environment, logger } = this.#options;
    const delayMs = Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(this.#failureCount++, 10), BACKOFF_MAX_MS);
    // The first failure of an outage is news, its repetitions are not.
    const fields = { reason: reason instanceof Error ? reason.message : String(reason), retryMs: delayMs };
    if (this.#failureCount === 2) logger.warn(`${what}, trying again`, fields);
    else logger.debug(`${what}, trying again`, fields);
    await environment.scheduler.delay(delayMs * (0.75 + environment.random.next() / 2));
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#options.onError(error);
  }
}
