import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { SeededRandom } from '../../../../engine/base/random.ts';
import type { SourceSplit, Source } from '../../../../engine/task/source.ts';
import { RecordBatchBuilder } from '../../../../operators/kafka/record-batch-builder.ts';
import { kafkaSink } from '../../../../operators/sink/kafka/kafka-sink.ts';
import { kafkaSource } from '../../../../operators/source/kafka/kafka-source.ts';
import { DirectoryStorage } from '../../../../state/storage/directory-storage.ts';
import { readRecords } from '../../../conformance/kafka/read-records.ts';
import { JobRun } from '../../../sim/kafka/job-run.ts';
import { SimulatedKafka } from '../../../sim/kafka/simulated-kafka.ts';

interface Outcome {
  readonly expected: readonly string[];
  readonly found: readonly string[];
  readonly attemptCount: number;
}

/** Copies a topic with faults everywhere and crashes at random points; returns what there is to see at the end. */
async function copyTopic(seed: number, delivery: 'exactly-once' | 'low-latency'): Promise<Outcome> {
  const environment = new VirtualEnvironment({ seed });
  const random = new SeededRandom(seed);
  const kafka = new SimulatedKafka({ environment, seed, nodeCount: 2, latencyMs: 10 });
  return await environment.run(
    (async () => {
      const expected = await fillInput(kafka, environment, random);
      kafka.createTopic({ topic: 'out', partitions: 1 + random.below(4), replicationFactor: 1 });
      kafka.faults = {
        fetch: 0.1,
        sendLost: 0.1,
        sendAnswerLost: 0.1,
        endLost: 0.1,
        endAnswerLost: 0.2,
        endDelayed: 0.2,
        open: 0.1,
      };
      const connection = { brokers: 'simulated:1', transport: kafka.transport };
      const run = new JobRun<string>({
        environment,
        random,
        source: kafkaSource({
          ...connection,
          topic: 'in',
          bounded: true,
          record: (record) => record.value!.toString(),
        }) as Source<string, SourceSplit>,
        sink: kafkaSink<string>({
          ...connection,
          topic: 'out',
          delivery,
          key: (value) => value.slice(0, 3),
          format: TEXT,
          batchBytes: 200,
          bufferBytes: 2_000,
        }),
        storage: new DirectoryStorage(environment, 'checkpoints'),
        parallelismMax: 3,
        crashProbability: 0.01,
      });
      const nodes = breakNodes(kafka, environment, random);
      await run.run();
      nodes.stop();
      kafka.faults = {};
      // Whatever zombies have under way may end now; it must change nothing.
      await environment.scheduler.delay(600_000);
      const found: string[] = [];
      const reader = kafka.transport({ environment, logger: environment.logger });
      for (let partition = 0; partition < kafka.partitions('out').length; partition++) {
        for (const { value } of await readRecords(reader, 'out', partition)) found.push(value!);
      }
      return { expected, found, attemptCount: run.attemptCount };
    })(),
  );
}

const TEXT = {
  description: 'text',
  encode: (writer: { bytes(source: Uint8Array): void }, value: string) => writer.bytes(Buffer.from(value)),
  separator: '\n',
};

/** Records named `<key>-<number>`, some of them in transactions that are aborted. Returns those that count. */
async function fillInput(
  kafka: SimulatedKafka,
  environment: VirtualEnvironment,
  random: SeededRandom,
): Promise<string[]> {
  kafka.createTopic({ topic: 'in', partitions: 3, replicationFactor: 1 });
  const transport = kafka.transport({ environment, logger: environment.logger });
  const producer = await transport.openProducer({ transactionalId: 'input' });
  const builder = new RecordBatchBuilder();
  const expected: string[] = [];
  for (let count = 0; count < 150;) {
    const partition = random.below(3);
    const isCommit = random.next() < 0.8;
    const values = Array.from({ length: 1 + random.below(5) }, () => `k${partition}${random.below(3)}-${count++}`);
    for (const value of values) builder.append(null, Buffer.from(value), 1_000);
    producer.begin();
    await producer.send([{ topic: 'in', partition, batch: builder.finish() }]);
    if (isCommit) expected.push(...values);
    await (isCommit ? producer.commit() : producer.abort());
  }
  return expected;
}

/** Stops nodes for a while, and moves leaders, for as long as the job runs. */
function breakNodes(kafka: SimulatedKafka, environment: VirtualEnvironment, random: SeededRandom): { stop(): void } {
  let isStopped = false;
  void (async () => {
    while (!isStopped) {
      await environment.scheduler.delay(random.below(1_000));
      const nodeId = kafka.nodeIds[random.below(2)]!;
      if (random.next() < 0.5) kafka.moveLeader({ topic: 'in', partition: random.below(3) }, nodeId);
      else {
        kafka.stopNode(nodeId);
        await environment.scheduler.delay(random.below(1_000));
        kafka.startNode(nodeId);
      }
    }
  })();
  return { stop: () => void (isStopped = true) };
}

/** Numbers of the records by key, in the order found. */
function numbersByKey(values: readonly string[]): Map<string, number[]> {
  const numbers = new Map<string, number[]>();
  for (const value of values) {
    const [key, number] = value.split('-') as [string, string];
    numbers.set(key, [...(numbers.get(key) ?? []), Number(number)]);
  }
  return numbers;
}

test('every record is seen once by read_committed readers, in order per key, whatever fails and dies', async () => {
  const attemptCounts: number[] = [];
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), async (seed) => {
      const { expected, found, attemptCount } = await copyTopic(seed, 'exactly-once');
      attemptCounts.push(attemptCount);
      expect([...found].sort()).toEqual([...expected].sort());
      expect(Object.fromEntries(numbersByKey(found))).toEqual(Object.fromEntries(numbersByKey(expected)));
    }),
    { numRuns: 300 },
  );
  expect(Math.max(...attemptCounts)).toBeGreaterThan(3);
}, 60_000);

test('with low latency every record is seen at least once, and repetitions are recognisable', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), async (seed) => {
      const { expected, found } = await copyTopic(seed, 'low-latency');
      expect([...new Set(found)].sort()).toEqual([...expected].sort());
    }),
    { numRuns: 50 },
  );
}, 60_000);
