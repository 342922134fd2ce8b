import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { MetricGroup } from '../../../../engine/base/metrics.ts';
import type { ReaderStatus, Source, SourceReader } from '../../../../engine/task/source.ts';
import type { KafkaProducer } from '../../../../operators/kafka/kafka-transport.ts';
import { RecordBatchBuilder } from '../../../../operators/kafka/record-batch-builder.ts';
import { kafkaSource } from '../../../../operators/source/kafka/kafka-source.ts';
import type { KafkaSourceOptions } from '../../../../operators/source/kafka/kafka-source-options.ts';
import type { KafkaSplit } from '../../../../operators/source/kafka/kafka-split.ts';
import { SimulatedKafka } from '../../../sim/kafka/simulated-kafka.ts';
import { SourceRun, type SourceCheckpoint } from '../source-run.ts';

/** Runs a test body under the virtual clock of a fixture. */
export function onKafka(
  body: (fixture: KafkaFixture) => Promise<void>,
  options: ConstructorParameters<typeof KafkaFixture>[0] = {},
): () => Promise<void> {
  return async () => {
    const fixture = new KafkaFixture(options);
    await fixture.environment.run(body(fixture));
  };
}

/** A simulated cluster with one topic, and sources on it. */
export class KafkaFixture {
  readonly environment: VirtualEnvironment;
  readonly kafka: SimulatedKafka;
  readonly topic = 'events';
  #producer: KafkaProducer | undefined;

  constructor(options: { readonly partitions?: number; readonly nodeCount?: number; readonly seed?: number } = {}) {
    const { partitions = 2, nodeCount, seed } = options;
    this.environment = new VirtualEnvironment({ seed });
    this.kafka = new SimulatedKafka({ environment: this.environment, nodeCount, seed });
    this.kafka.createTopic({ topic: this.topic, partitions, replicationFactor: 1 });
  }

  /** A source of the values as text, unless `options` say otherwise. */
  source(options: Partial<KafkaSourceOptions<string, string>> = {}): Source<string, KafkaSplit> {
    const format = options.format === undefined ? { record: textOf } : {};
    const transport = this.kafka.transport;
    const all = { brokers: 'simulated:1', topic: this.topic, transport, ...format, ...options };
    return kafkaSource(all as KafkaSourceOptions<string, string>);
  }

  async start(
    source: Source<string, KafkaSplit>,
    options: { readonly parallelism?: number; readonly restore?: SourceCheckpoint<KafkaSplit> } = {},
  ): Promise<SourceRun<string, KafkaSplit>> {
    return await new SourceRun({ source, environment: this.environment, ...options }).start();
  }

  /** Writes values to a partition as one batch; null is a tombstone. */
  async write(partition: number, values: readonly (string | null)[], timestampMs: number = 1_000): Promise<void> {
    this.#producer ??= await this.kafka.transport(this.#context).openProducer();
    const builder = new RecordBatchBuilder();
    for (const value of values)
      builder.append(Buffer.from('key'), value === null ? null : Buffer.from(value), timestampMs);
    await this.#producer.send([{ topic: this.topic, partition, batch: builder.finish() }]);
  }

  get #context() {
    return { environment: this.environment, logger: this.environment.logger };
  }

  /** One reader by itself, with all partitions assigned; for what `SourceRun` does not show. */
  async reader(source: Source<string, KafkaSplit>): Promise<SoleReader> {
    const metrics = new MetricGroup();
    const { environment } = this;
    const common = { environment, logger: environment.logger, parallelism: 1 };
    const reader = source.createReader({
      ...common,
      metrics,
      subtaskIndex: 0,
      requestSplit: () => {},
      sendEvent: () => {},
    });
    const enumerator = source.createEnumerator(
      {
        ...common,
        assign: (_subtaskIndex, splits) => reader.addSplits(splits),
        signalNoMoreSplits: () => reader.noMoreSplits(),
        sendEvent: () => {},
        fail: (error) => {
          throw error;
        },
      },
      undefined,
    );
    await enumerator.start();
    await reader.start();
    enumerator.addReader(0);
    return new SoleReader(reader, metrics);
  }
}

/** A reader and what it has emitted. */
export class SoleReader {
  readonly reader: SourceReader<string, KafkaSplit>;
  readonly metrics: MetricGroup;
  readonly emitted: string[] = [];
  readonly splits: string[] = [];

  constructor(reader: SourceReader<string, KafkaSplit>, metrics: MetricGroup) {
    this.reader = reader;
    this.metrics = metrics;
  }

  poll(recordCountMax: number = 100): ReaderStatus {
    return this.reader.poll(
      {
        forSplit: (splitId) => {
          this.splits.push(splitId);
          return { collect: (value) => void this.emitted.push(value) };
        },
        releaseSplit: () => {},
      },
      recordCountMax,
    );
  }
}

function textOf(record: { readonly value: Buffer | null }): string {
  return record.value?.toString() ?? '(null)';
}
