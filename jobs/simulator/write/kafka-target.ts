import type { Environment } from '../../../engine/base/environment.ts';
import type { SchemaRegistry } from '../../../operators/format/avro/schema-registry.ts';
import { type KafkaConnectionOptions, kafkaTransportFactory } from '../../../operators/kafka/connect.ts';
import type { KafkaProducer, KafkaTransport } from '../../../operators/kafka/kafka-transport.ts';
import { RecordBatchBuilder } from '../../../operators/kafka/record-batch-builder.ts';
import { BidRequestWire } from '../../attribution/bid-request-wire.ts';
import { topicOf } from '../../attribution/topics.ts';
import type { RawRecord } from '../../attribution/raw-record.ts';
import type { SourceName } from '../../attribution/schemas.ts';
import type { SimulatorTarget } from './simulator-target.ts';

export interface KafkaTargetOptions extends KafkaConnectionOptions {
  readonly environment: Environment;
  /** Before the names of the topics: `test-` makes `test-impressions`. Default: nothing. */
  readonly topicPrefix?: string | undefined;
  /** Set: bid requests are written in Confluent's form, their schema registered as `<topic>-value`. */
  readonly registry?: SchemaRegistry | undefined;
  /** Default 1. */
  readonly replicationFactor?: number | undefined;
}

const MAGIC = 0;
const HEADER_BYTES = 5;

/**
 * Writes the logs to Kafka topics: partition by partition, each record with the time of its receipt as timestamp. The
 * topics are created when they are missing; ones that exist need at least as many partitions as the world has.
 */
export class KafkaTarget implements SimulatorTarget {
  readonly description: string;
  readonly #options: KafkaTargetOptions;
  readonly #transport: KafkaTransport;
  #producer: KafkaProducer | undefined;
  /** Head of a bid request; empty without a registry. */
  #bidRequestHead: Buffer = Buffer.alloc(0);

  constructor(options: KafkaTargetOptions) {
    this.#options = options;
    const { environment } = options;
    this.#transport = kafkaTransportFactory(options)({ environment, logger: environment.logger });
    this.description = this.#transport.description;
  }

  async open(streams: readonly SourceName[], partitions: number): Promise<void> {
    const { topicPrefix, registry, replicationFactor = 1 } = this.#options;
    for (const stream of streams) {
      await this.#transport.createTopic({ topic: topicOf(stream, topicPrefix), partitions, replicationFactor });
    }
    if (registry !== undefined && streams.includes('bid_requests')) {
      const schemaId = await registry.register(`${topicOf('bid_requests', topicPrefix)}-value`, BidRequestWire.avro);
      this.#bidRequestHead = Buffer.alloc(HEADER_BYTES);
      this.#bidRequestHead[0] = MAGIC;
      this.#bidRequestHead.writeUInt32BE(schemaId, 1);
    }
    this.#producer = await this.#transport.openProducer();
  }

  async write(stream: SourceName, partition: number, records: readonly RawRecord[]): Promise<void> {
    const builder = new RecordBatchBuilder();
    for (const { bytes, receivedAtMs } of records) {
      const value = stream === 'bid_requests' ? Buffer.concat([this.#bidRequestHead, bytes]) : bytes;
      builder.append(null, value, receivedAtMs);
    }
    const topic = topicOf(stream, this.#options.topicPrefix);
    await this.#producer!.send([{ topic, partition, batch: builder.finish() }]);
  }

  async close(): Promise<void> {
    await this.#producer?.close();
    await this.#transport.close();
  }
}
