import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { SeededRandom } from '../../engine/base/random.ts';
import type { Source, SourceSplit } from '../../engine/task/source.ts';
import { KafkajsTransport } from '../../operators/kafka/kafkajs-transport.ts';
import { RecordBatchBuilder } from '../../operators/kafka/record-batch-builder.ts';
import { kafkaSink } from '../../operators/sink/kafka/kafka-sink.ts';
import { kafkaSource } from '../../operators/source/kafka/kafka-source.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { readRecords } from '../conformance/kafka/read-records.ts';
import { type Services, startServices } from '../harness/services/services.ts';
import { uniqueName } from '../harness/services/shared.ts';
import { SourceRun } from '../operators/source/source-run.ts';
import { JobRun } from '../sim/kafka/job-run.ts';

// A broker of its own: it is killed.
let services: Services<{ readonly kafka: true }>;
const environment = createNodeEnvironment();
const opened: KafkajsTransport[] = [];

beforeAll(async () => {
  services = await startServices({ kafka: true });
});

afterAll(async () => {
  await Promise.all(opened.map((transport) => transport.close()));
  await services?.stop();
});

function connect(brokers: string = services.kafka.brokers): KafkajsTransport {
  const transport = new KafkajsTransport({
    brokers: [brokers],
    clientId: 'test',
    environment,
    logger: environment.logger,
  });
  opened.push(transport);
  return transport;
}

async function createTopic(partitions: number, settings: Record<string, string> = {}): Promise<string> {
  const topic = uniqueName('faults');
  await connect().createTopic({ topic, partitions, replicationFactor: 1, settings });
  return topic;
}

function batchOf(values: readonly string[], timestampMs: number = environment.clock.nowMs()): Buffer {
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(null, Buffer.from(value), timestampMs);
  return builder.finish();
}

/** Years ago: brokers forget an idempotent producer by the time of its records, one with an open transaction never. */
const OLD_MS = 1_700_000_000_000;

function textSource(topic: string, bounded: boolean): Source<string, SourceSplit> {
  const record = ({ value }: { readonly value: Buffer | null }): string => value!.toString();
  return kafkaSource({ brokers: services.kafka.brokers, topic, bounded, record }) as Source<string, SourceSplit>;
}

const TEXT = {
  description: 'text',
  encode: (writer: { bytes(source: Uint8Array): void }, value: string): void => writer.bytes(Buffer.from(value)),
  separator: '\n',
};

const KILLS_MAX = 4;

/** Kills and restarts the broker, a few times or until it is told to stop. */
function breakBroker(random: SeededRandom): { stop(): Promise<number> } {
  let isStopped = false;
  const running = (async () => {
    let killCount = 0;
    while (!isStopped && killCount < KILLS_MAX) {
      await environment.scheduler.delay(300 + random.below(1_500));
      await services.kafka.kill();
      killCount++;
      await environment.scheduler.delay(random.below(500));
      await services.kafka.restart();
    }
    return killCount;
  })();
  return {
    stop: () => {
      isStopped = true;
      return running;
    },
  };
}

test('fetching and sending survive kill -9 of the broker: every record once, in order', async () => {
  const topic = await createTopic(2);
  const run = await new SourceRun({ source: textSource(topic, false), environment }).start();
  const producer = await connect().openProducer();
  const count = 400;
  const sending = (async () => {
    for (let i = 0; i < count; i++) {
      await producer.send([0, 1].map((partition) => ({ topic, partition, batch: batchOf([`${partition}-${i}`]) })));
      await environment.scheduler.delay(5);
    }
  })();
  const breaking = breakBroker(new SeededRandom(1));
  await Promise.all([sending, run.run({ untilCount: 2 * count })]);
  expect(await breaking.stop()).toBeGreaterThan(0);
  for (const partition of [0, 1]) {
    const values = run.emitted.filter(({ splitId }) => splitId.endsWith(`-${partition}`)).map(({ value }) => value);
    expect(values).toEqual(Array.from({ length: count }, (_, i) => `${partition}-${i}`));
  }
  await run.close();
});

test('a job that dies again and again on a broker that dies, too, leaves every record once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-faults-'));
  const [input, output] = [await createTopic(3), await createTopic(2)];
  const expected = Array.from({ length: 1_500 }, (_, i) => `k${i % 7}-${i}`);
  const producer = await connect().openProducer();
  for (let at = 0; at < expected.length; at += 50) {
    const values = expected.slice(at, at + 50);
    const batches = [0, 1, 2].map((partition) => ({
      topic: input,
      partition,
      batch: batchOf(
        values.filter((value) => Number(value[1]) % 3 === partition),
        OLD_MS,
      ),
    }));
    await producer.send(batches);
  }
  const random = new SeededRandom(2);
  const run = new JobRun<string>({
    environment,
    random,
    source: textSource(input, true),
    sink: kafkaSink<string>({
      brokers: services.kafka.brokers,
      topic: output,
      key: (value) => value.slice(0, 2),
      format: TEXT,
      batchBytes: 500,
    }),
    storage: new DirectoryStorage(environment, folder),
    parallelismMax: 2,
    crashProbability: 0.02,
    storagePrefix: `${output}/0/staged/sink`,
  });
  const breaking = breakBroker(random);
  await run.run();
  const killCount = await breaking.stop();
  const found: string[] = [];
  for (const partition of [0, 1]) {
    for (const { value } of await readRecords(connect(), output, partition)) found.push(value!);
  }
  expect(killCount).toBeGreaterThan(0);
  expect(run.attemptCount).toBeGreaterThan(2);
  const byKey = (values: readonly string[]) => Object.groupBy(values, (value) => value.slice(0, 2));
  expect(byKey(found)).toEqual(byKey(expected));
  await rm(folder, { recursive: true });
});

test('offsets that retention has removed stop the job, naming what is there', async () => {
  const topic = await createTopic(1);
  const producer = await connect().openProducer();
  for (let i = 0; i < 10; i++) await producer.send([{ topic, partition: 0, batch: batchOf([String(i)]) }]);
  const source = textSource(topic, false);
  const run = await new SourceRun({ source, environment }).start();
  await run.run({ recordCountMax: 1, untilCount: 3 });
  const restore = run.checkpoint();
  await run.close();
  const admin = new Kafka({ brokers: [services.kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.fetchTopicOffsets(topic); // kafkajs deletes only what it has looked up before
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '7' }] });
  await admin.disconnect();
  const restored = await new SourceRun({ source, environment, restore }).start();
  await expect(restored.run({ untilCount: 1 })).rejects.toMatchObject({
    code: 'OFFSET_OUT_OF_RANGE',
    message: `${topic}-0: expected to read on at offset 3, the broker has [7, 10): 4 offsets were deleted unread`,
  });
  await restored.close();
});

test('a missing topic is one clear message', async () => {
  const topic = uniqueName('missing');
  const run = new SourceRun({ source: textSource(topic, false), environment });
  const expected = {
    code: 'TOPIC_MISSING',
    message: `topic ${topic} does not exist on Kafka at ${services.kafka.brokers}`,
  };
  await expect(run.start()).rejects.toMatchObject(expected);
  await run.close();
});

test('a broker that is not there is one clear message, soon', async () => {
  const startMs = environment.clock.monotonicMs();
  await expect(connect('127.0.0.1:1').describeTopics(['a'])).rejects.toMatchObject({
    code: 'CONNECTION',
    message: expect.stringMatching(
      /^cannot reach Kafka at 127\.0\.0\.1:1: .*ECONNREFUSED.*; tried for \d+ s to describe topic a$/,
    ) as unknown,
    hint: 'Start the broker, or correct the address in the brokers option.',
  });
  expect(environment.clock.monotonicMs() - startMs).toBeLessThan(15_000);
});

test('what the broker refuses says what to change', async () => {
  const topic = await createTopic(1, { 'max.message.bytes': '1000' });
  const producer = await connect().openProducer();
  await expect(producer.send([{ topic, partition: 0, batch: batchOf(['x'.repeat(2_000)]) }])).rejects.toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringContaining('MESSAGE_TOO_LARGE') as unknown,
    hint: expect.stringContaining('max.message.bytes') as unknown,
  });
  await expect(
    connect().openProducer({ transactionalId: topic, transactionTimeoutMs: 100_000_000 }),
  ).rejects.toMatchObject({ code: 'CONFIGURATION', hint: expect.stringContaining('transactionTimeout') as unknown });
  await expect(
    connect().createTopic({ topic: uniqueName('new'), partitions: 1, replicationFactor: 3 }),
  ).rejects.toMatchObject({ code: 'CONFIGURATION', hint: expect.stringContaining('replication factor') as unknown });
});
