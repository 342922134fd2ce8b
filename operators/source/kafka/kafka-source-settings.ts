import type { IsolationLevel, KafkaTransportFactory, OffsetQuery } from '../../kafka/kafka-transport.ts';
import type { KafkaStartPosition } from './kafka-source-options.ts';

/** The options of a Kafka source, checked and with their defaults filled in. */
export interface KafkaSourceSettings {
  readonly openTransport: KafkaTransportFactory;
  readonly topics: readonly string[];
  readonly startFrom: KafkaStartPosition;
  /** Set: the source is bounded and ends there. */
  readonly stopAt: OffsetQuery['at'] | undefined;
  readonly groupId: string | undefined;
  /** 0 or less: never. */
  readonly discoveryIntervalMs: number;
  readonly isolation: IsolationLevel;
  /** Bytes fetched and not yet handed out, of one reader. */
  readonly bufferBytesMax: number;
  /** Bytes of one partition in one fetch. */
  readonly partitionBytesMax: number;
}
