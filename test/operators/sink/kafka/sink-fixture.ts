import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { MetricGroup } from '../../../../engine/base/metrics.ts';
import type { Logger } from '../../../../engine/base/logger.ts';
import type { SinkContext } from '../../../../engine/task/sink.ts';
import type { EncodeFormat } from '../../../../operators/format/encode-format.ts';
import type { KafkaSinkOptions } from '../../../../operators/sink/kafka/kafka-sink-options.ts';
import { kafkaSink } from '../../../../operators/sink/kafka/kafka-sink.ts';
import { DirectoryStorage } from '../../../../state/storage/directory-storage.ts';
import { type ReadRecord, readRecords } from '../../../conformance/kafka/read-records.ts';
import { SimulatedKafka } from '../../../sim/kafka/simulated-kafka.ts';
import { testCreateSinkContext } from '../sink-context.ts';

export const TEXT: EncodeFormat<string> = {
  description: 'text',
  encode: (writer, value) => writer.bytes(Buffer.from(value)),
  separator: '\n',
};

/** A simulated cluster with the topic `out`, and sinks on it. */
export class SinkFixture {
  readonly warnings: string[] = [];
  readonly environment: VirtualEnvironment;
  readonly kafka: SimulatedKafka;
  readonly storage: DirectoryStorage;
  readonly metrics = new MetricGroup();

  constructor(options: { readonly partitions?: number } = {}) {
    const nothing = (): void => {};
    const logger: Logger = { debug: nothing, info: nothing, error: nothing, warn: (line) => this.warnings.push(line) };
    this.environment = new VirtualEnvironment({ logger });
    this.kafka = new SimulatedKafka({ environment: this.environment });
    this.storage = new DirectoryStorage(this.environment, 'checkpoints');
    const { partitions = 1 } = options;
    if (partitions > 0) this.kafka.createTopic({ topic: 'out', partitions, replicationFactor: 1 });
  }

  sink(options: Partial<KafkaSinkOptions<string>> = {}) {
    return kafkaSink<string>({
      brokers: 'a:1',
      transport: this.kafka.transport,
      topic: 'out',
      format: TEXT,
      ...options,
    });
  }

  context(options: Partial<SinkContext> = {}): SinkContext {
    const { environment, storage, metrics } = this;
    return testCreateSinkContext({ environment, storage, metrics, storagePrefix: 'job/0/staged/out', ...options });
  }

  /** What a `read_committed` reader of one partition sees. */
  async read(partition: number = 0, topic: string = 'out'): Promise<ReadRecord[]> {
    const { environment } = this;
    return await readRecords(this.kafka.transport({ environment, logger: environment.logger }), topic, partition);
  }

  async values(partition: number = 0): Promise<(string | null)[]> {
    return (await this.read(partition)).map(({ value }) => value);
  }
}

/** Runs a test body under the virtual clock of a fixture. */
export function onKafka(
  body: (fixture: SinkFixture) => Promise<void>,
  options: ConstructorParameters<typeof SinkFixture>[0] = {},
): () => Promise<void> {
  return async () => {
    const fixture = new SinkFixture(options);
    await fixture.environment.run(body(fixture));
  };
}
