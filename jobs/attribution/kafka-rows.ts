import type { Source } from '../../engine/task/source.ts';
import { kafkaSource } from '../../operators/source/kafka/kafka-source.ts';
import type { KafkaRecordView } from '../../operators/source/kafka/kafka-record-view.ts';
import type { KafkaSplit } from '../../operators/source/kafka/kafka-split.ts';
import { RawRecord } from './raw-record.ts';
import type { SourceName } from './schemas.ts';
import { topicOf } from './topics.ts';

export interface KafkaRowsOptions {
  readonly brokers: string;
  readonly source: SourceName;
  readonly topicPrefix?: string | undefined;
  /** True: ends at the last record that is there at the first start. */
  readonly isBounded?: boolean | undefined;
}

/** The raw rows of a source from its Kafka topic, with the time that the broker or producer gave them. */
export function kafkaRows({
  brokers,
  source,
  topicPrefix,
  isBounded,
}: KafkaRowsOptions): Source<RawRecord, KafkaSplit> {
  return kafkaSource({ brokers, topic: topicOf(source, topicPrefix), bounded: isBounded, record: rawRecordOf });
}

const NO_BYTES = Buffer.alloc(0);

/** A copy: the view's bytes are gone after the call. A tombstone is an empty row, which the gate refuses. */
function rawRecordOf(record: KafkaRecordView): RawRecord {
  const bytes = record.value === null ? NO_BYTES : Buffer.from(record.value);
  return new RawRecord(bytes, record.timestampMs, record.partition, record.offset);
}
