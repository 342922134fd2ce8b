import type { RecordError } from '../../../engine/base/errors.ts';
import type { Duration } from '../../../engine/time/duration.ts';
import type { DecodeFormat } from '../../format/decode-format.ts';
import type { KafkaConnectionOptions } from '../../kafka/connect.ts';
import type { IsolationLevel } from '../../kafka/kafka-transport.ts';
import type { KafkaRecordView } from './kafka-record-view.ts';

/**
 * Where partitions start that no checkpoint knows: the first record, behind the last one, the first at or after a time,
 * given offsets by `topic-partition` (others: earliest), or what `groupId` has committed (without a commit: earliest).
 * Restored partitions go on where the checkpoint says; partitions that appear later start at their first record.
 */
export type KafkaStartPosition =
  | 'earliest'
  | 'latest'
  | 'committed'
  | { readonly timestampMs: number }
  | { readonly offsets: Readonly<Record<string, number>> };

interface CommonOptions<T, E> extends KafkaConnectionOptions {
  readonly topic?: string | undefined;
  /** Instead of `topic`. */
  readonly topics?: readonly string[] | undefined;
  /** Default `earliest`. */
  readonly startFrom?: KafkaStartPosition | undefined;
  /**
   * True: read up to the last record that is there at the first start, then end. With `timestampMs`: up to the first
   * record at or after that time. Default false: never end.
   */
  readonly bounded?: boolean | { readonly timestampMs: number } | undefined;
  /** Commits positions to this group when a checkpoint is complete, for monitoring only. Default: none. */
  readonly groupId?: string | undefined;
  /** How often to look for new partitions. Default 5 minutes; 0 turns it off. */
  readonly discoveryInterval?: Duration | undefined;
  /** Default `read_committed`: records of aborted and undecided transactions are not seen. */
  readonly isolation?: IsolationLevel | undefined;
  /**
   * A record that cannot be decoded. `fail` (default) stops the job, naming the record; a function turns it into a record
   * of the stream, so that the job can put it aside. Nothing is dropped silently.
   */
  readonly onError?: 'fail' | ((record: UndecodableRecord) => E) | undefined;
  /** True: pass over records whose value is null. Default false: such a record is an error, see `onError`. */
  readonly skipTombstones?: boolean | undefined;
  /**
   * Bytes that one reader holds fetched and not yet handed out; up to half as many again while partitions are held by
   * watermark alignment. Default 32 MiB.
   */
  readonly bufferBytes?: number | undefined;
  /** Bytes of one partition in one fetch. Default 1 MiB. */
  readonly partitionBytes?: number | undefined;
  /** Phantom: keeps T in the type of the common part. */
  readonly _record?: T;
}

/**
 * Options of `kafkaSource`: how records are decoded is said by `format` (the value only) or by `record` (all of it), or by
 * both: `record` then gets what `format` has decoded.
 */
export type KafkaSourceOptions<T, E = never, V = T> = CommonOptions<T, E> &
  (
    | {
        /** Decodes the values of records: `json(Click)`, `confluentAvro(Bid, registry)`. */
        readonly format: DecodeFormat<T>;
        readonly record?: undefined;
      }
    | {
        readonly format: DecodeFormat<V>;
        /** Makes the job's record of a decoded value and its place. The view is reused: keep nothing of it. */
        readonly record: (record: KafkaRecordView, value: V) => T;
      }
    | {
        /** Decodes a record from its value, key, headers and place. The view is reused: keep nothing of it. */
        readonly record: (record: KafkaRecordView) => T;
        readonly format?: undefined;
      }
  );

/** A record that could not be decoded, with everything needed to look at it or to try again. */
export interface UndecodableRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly error: RecordError;
}
