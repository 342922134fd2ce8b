/**
 * A topic read and written over the network, by ours and by kafkajs, with a real broker on the same machine.
 * Run: npm run bench -- kafka-consume    Unit: us CPU of this process per record    Sizes: 300-byte values, 8 partitions
 */
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { MetricGroup } from '../../engine/base/metrics.ts';
import { INSERT } from '../../engine/task/row-kind.ts';
import { kafkaSink } from '../../operators/sink/kafka/kafka-sink.ts';
import { kafkaSource } from '../../operators/source/kafka/kafka-source.ts';
import { MemoryFileSystem } from '../../engine/base/file-system-memory.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { startServices } from '../harness/services/services.ts';

const PARTITIONS = 8;
const RECORDS = process.env['TIDEMARK_BENCH'] === 'test' ? 2_000 : 500_000;
const VALUE = Buffer.alloc(300, 'value ');
const EPOCH_RECORDS = 100_000;

const services = await startServices({ kafka: true });
const { brokers } = services.kafka;
const environment = { ...createNodeEnvironment(), files: new MemoryFileSystem() };
const { logger, scheduler } = environment;
const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
try {
  await measure('kafkajs producer, batches of 2,000', () => produceByKafkajs('by-kafkajs'));
  await measure('ours, exactly once (stage and commit)', () => produce('exactly-once'));
  await measure('ours, low latency', () => produce('low-latency'));
  for (const round of [1, 2]) {
    await measure(`kafkajs consumer, eachBatch (${round})`, () => consumeByKafkajs('low-latency', `g${round}`));
    await measure(`ours, source (${round})`, () => consume('low-latency'));
  }
} finally {
  await services.stop();
}

async function measure(name: string, run: () => Promise<void>): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const startMs = environment.clock.monotonicMs();
  await run();
  const { user, system } = process.cpuUsage(cpuBefore);
  const perSecond = Math.round(RECORDS / (environment.clock.monotonicMs() - startMs));
  console.log(`${name.padEnd(40)} ${((user + system) / RECORDS).toFixed(2)} us   ${perSecond} k records/s`);
}

async function produce(delivery: 'exactly-once' | 'low-latency'): Promise<void> {
  const sink = kafkaSink<number>({
    brokers,
    topic: delivery,
    delivery,
    createTopic: { partitions: PARTITIONS, replicationFactor: 1 },
    key: (number) => `user-${number % 10_007}`,
    format: { description: 'bytes', encode: (writer) => writer.bytes(VALUE), separator: '' },
  });
  const context = {
    environment,
    logger,
    metrics: new MetricGroup(),
    jobName: 'bench',
    sinkUid: 'sink',
    subtaskIndex: 0,
    parallelism: 1,
    attempt: 1,
    storage: new DirectoryStorage(environment, 'checkpoints'),
    storagePrefix: `bench/0/staged/${delivery}`,
  };
  const writer = await sink.createWriter(context);
  const committer = await sink.createCommitter?.(context);
  for (let number = 0, checkpointId = 1; number < RECORDS;) {
    writer.write(number, 1_700_000_000_000 + number, INSERT);
    number++;
    if (number % 1_024 === 0) await (writer.blockedUntil?.() ?? scheduler.yield());
    if (number % EPOCH_RECORDS === 0 || number === RECORDS) {
      await committer?.commit(checkpointId, await writer.prepareCommit(checkpointId++));
    }
  }
  await writer.flush?.();
  await writer.close();
  await committer?.close();
}

async function consume(topic: string): Promise<void> {
  const source = kafkaSource({ brokers, topic, bounded: true, record: (record) => record.value!.length });
  const common = { environment, logger, parallelism: 1 };
  const metrics = new MetricGroup();
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
  enumerator.addReader(0);
  let count = 0;
  const output = { collect: () => void count++ };
  const splits = { forSplit: () => output, releaseSplit: () => {} };
  for (let pollCount = 0; ; pollCount++) {
    const status = reader.poll(splits, 1_024);
    if (status === 'end') break;
    if (status === 'empty') await reader.available();
    else if (pollCount % 16 === 0) await scheduler.yield();
  }
  await reader.close();
  await enumerator.close();
  if (count !== RECORDS) throw new Error(`expected ${RECORDS} records, found ${count}`);
}

async function produceByKafkajs(topic: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: true });
  await admin.disconnect();
  const createPartitioner = Partitioners.DefaultPartitioner;
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner });
  await producer.connect();
  for (let number = 0; number < RECORDS;) {
    const messages = [];
    for (let i = 0; i < 2_000; i++, number++) {
      const timestamp = String(1_700_000_000_000 + number);
      messages.push({ key: `user-${number % 10_007}`, value: VALUE, timestamp });
    }
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}

async function consumeByKafkajs(topic: string, groupId: string): Promise<void> {
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const done = Promise.withResolvers<void>();
  let count = 0;
  let bytes = 0;
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) bytes += value!.length;
      count += batch.messages.length;
      if (count === RECORDS) done.resolve();
    },
  });
  await done.promise;
  await consumer.disconnect();
  if (bytes === 0) throw new Error('no bytes were read');
}
