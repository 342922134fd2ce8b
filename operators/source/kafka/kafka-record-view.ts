import type { RecordColumns } from '../../kafka/record-columns.ts';
import type { KafkaHeader } from '../../kafka/record-batch-builder.ts';

/** The record that is being decoded. One object for all records of a partition: read it, keep nothing. */
export class KafkaRecordView {
  readonly topic: string;
  readonly partition: number;
  readonly #columns: RecordColumns;
  index = 0;

  constructor(topic: string, partition: number, columns: RecordColumns) {
    this.topic = topic;
    this.partition = partition;
    this.#columns = columns;
  }

  get offset(): number {
    return this.#columns.offsets[this.index]!;
  }

  get timestampMs(): number {
    return this.#columns.timestampsMs[this.index]!;
  }

  /** Shares memory with the fetched data. */
  get key(): Buffer | null {
    return this.#columns.key(this.index);
  }

  /** Null: a tombstone. Shares memory with the fetched data. */
  get value(): Buffer | null {
    return this.#columns.value(this.index);
  }

  get headers(): readonly KafkaHeader[] {
    return this.#columns.headers(this.index);
  }
}
