import type { RawRecord } from '../../attribution/raw-record.ts';
import type { SourceName } from '../../attribution/schemas.ts';

/** Where the simulated logs are written to. */
export interface SimulatorTarget {
  /** For messages: `Kafka at 127.0.0.1:9092`. */
  readonly description: string;
  /** Creates what is missing. Called once, before all records. */
  open(streams: readonly SourceName[], partitions: number): Promise<void>;
  /** Appends to a partition, in order. Calls for different partitions may overlap. */
  write(stream: SourceName, partition: number, records: readonly RawRecord[]): Promise<void>;
  /** Makes durable what was written. */
  close(): Promise<void>;
}
