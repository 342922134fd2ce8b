import type { Duration } from '../../../engine/time/duration.ts';
import type { EncodeFormat } from '../../format/encode-format.ts';
import type { KafkaCompression } from '../../kafka/compression.ts';
import type { KafkaConnectionOptions } from '../../kafka/connect.ts';

export interface KafkaSinkOptions<T> extends KafkaConnectionOptions {
  readonly topic: string;
  /** How values are written: `jsonEncoder(Click)`, `confluentAvroEncoder(Click, id)`. */
  readonly format: EncodeFormat<T>;
  /** Records of equal keys go to one partition, the one that Java clients choose, too. Default: no key, spread evenly. */
  readonly key?: ((value: T) => string | Uint8Array | null) | undefined;
  /** Chooses the partition instead of the key: an integer in [0, partitionCount). */
  readonly partition?: ((value: T, partitionCount: number) => number) | undefined;
  /** Headers by name. Default: none. */
  readonly headers?: ((value: T) => Readonly<Record<string, string | Uint8Array>>) | undefined;
  /** A deterministic id, sent as the header `id`: what consumers of a `low-latency` sink recognise repetitions by. */
  readonly id?: ((value: T) => string) | undefined;
  /** Time of the record in Kafka, milliseconds. Default: the record's event time, else now. */
  readonly timestamp?: ((value: T) => number) | undefined;
  /**
   * `exactly-once` (default): records become visible to `read_committed` consumers with their checkpoint, all or nothing,
   * once. `low-latency`: records are sent at once; after a failure those since the last checkpoint are sent again, and
   * of records older than a day some may be stored twice when a broker dies.
   */
  readonly delivery?: 'exactly-once' | 'low-latency' | undefined;
  /**
   * What becomes of rows that take others back. `insert-only` (default): they are an error. `upsert`: needs `key`; `-U`
   * is left out, `-D` is written as a null value. `all`: every row is written, with its kind in the header `row-kind`.
   */
  readonly changelog?: 'insert-only' | 'upsert' | 'all' | undefined;
  /** Default `none`. */
  readonly compression?: KafkaCompression | undefined;
  /** Bytes of a batch before compression; a larger record is a batch of its own. Default 512 KiB. */
  readonly batchBytes?: number | undefined;
  /** Bytes that a writer holds in memory before it makes the job wait. Default 32 MiB. */
  readonly bufferBytes?: number | undefined;
  /** `low-latency` only: how long a record may wait for others. Default 5 ms. */
  readonly linger?: Duration | undefined;
  /** Creates the topic when it does not exist. Default: that is an error. */
  readonly createTopic?:
    | {
        readonly partitions: number;
        readonly replicationFactor: number;
        readonly settings?: Readonly<Record<string, string>> | undefined;
      }
    | undefined;
  /**
   * Start of the transactional id; job, shard and sink uid follow. Two jobs of one name on one cluster need different
   * ones. Default `tidemark`.
   */
  readonly transactionalIdPrefix?: string | undefined;
  /** After this time the cluster aborts a commit that is still under way. Default 5 minutes; brokers allow 15. */
  readonly transactionTimeout?: Duration | undefined;
  /**
   * Compacted topic where each commit leaves a marker, in the same transaction, so that a commit whose outcome is unknown
   * can be looked up. Created when missing. Default `<topic>-commits`.
   */
  readonly markersTopic?: string | undefined;
}
