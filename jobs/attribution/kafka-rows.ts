import type { RecordError } from '../../engine/base/errors.ts';
import type { Source } from '../../engine/task/source.ts';
import { confluentAvro } from '../../operators/format/avro/confluent-avro.ts';
import type { SchemaRegistry } from '../../operators/format/avro/schema-registry.ts';
import { DecodeError } from '../../operators/format/decode-error.ts';
import type { KafkaConnectionOptions } from '../../operators/kafka/connect.ts';
import { kafkaSource } from '../../operators/source/kafka/kafka-source.ts';
import type { UndecodableRecord } from '../../operators/source/kafka/kafka-source-options.ts';
import type { KafkaRecordView } from '../../operators/source/kafka/kafka-record-view.ts';
import type { KafkaSplit } from '../../operators/source/kafka/kafka-split.ts';
import { BidRequestWire } from './bid-request-wire.ts';
import { RowError } from './parse/row-error.ts';
import { RawRecord } from './raw-record.ts';
import type { SourceName } from './schemas.ts';
import { topicOf } from './topics.ts';

export interface KafkaRowsOptions extends KafkaConnectionOptions {
  readonly source: SourceName;
  readonly topicPrefix?: string | undefined;
  /** True: ends at the last record that is there at the first start. */
  readonly isBounded?: boolean | undefined;
  /** Set: bid requests are in Confluent's form, with the id of their schema in front. */
  readonly registry?: SchemaRegistry | undefined;
}

/** The raw rows of a source from its Kafka topic, with the time that the broker or producer gave them. */
export function kafkaRows({
  source,
  topicPrefix,
  isBounded,
  registry,
  ...connection
}: KafkaRowsOptions): Source<RawRecord, KafkaSplit> {
  const common = { ...connection, topic: topicOf(source, topicPrefix), bounded: isBounded };
  if (registry === undefined || source !== 'bid_requests') return kafkaSource({ ...common, record: rawRecordOf });
  return kafkaSource<RawRecord, RawRecord, BidRequestWire>({
    ...common,
    format: confluentAvro(BidRequestWire, registry),
    record: rawRecordOf,
    onError: refusedRecordOf,
  });
}

const NO_BYTES = Buffer.alloc(0);

/** A copy: the view's bytes are gone after the call. A tombstone is an empty row, which the gate refuses. */
function rawRecordOf(record: KafkaRecordView, decoded?: BidRequestWire): RawRecord {
  const bytes = record.value === null ? NO_BYTES : Buffer.from(record.value);
  return new RawRecord(bytes, record.timestampMs, record.partition, record.offset, decoded);
}

/** For the gate, which puts it into quarantine. */
function refusedRecordOf({ value, timestampMs, partition, offset, error }: UndecodableRecord): RawRecord {
  return new RawRecord(value ?? NO_BYTES, timestampMs, partition, offset, rowErrorOf(error));
}

function rowErrorOf(error: RecordError): RowError {
  const reason = error instanceof DecodeError ? error.reason : 'PARSE';
  return new RowError(reason === 'SCHEMA_UNKNOWN' ? 'SCHEMA' : reason, error.message);
}
