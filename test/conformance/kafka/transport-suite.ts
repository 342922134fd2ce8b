import { afterEach, expect, test } from 'vitest';
import type { Environment } from '../../../engine/base/environment.ts';
import { SeededRandom } from '../../../engine/base/random.ts';
import { COMPRESSION_NAMES, type KafkaCompression } from '../../../operators/kafka/compression.ts';
import type { KafkaTransport } from '../../../operators/kafka/kafka-transport.ts';
import { readPartition } from '../../../operators/kafka/read-partition.ts';
import { RecordBatchBuilder } from '../../../operators/kafka/record-batch-builder.ts';
import { readRecords } from './read-records.ts';

/** What the suite runs on. */
export interface TransportSubject {
  readonly environment: Environment;
  /** Opens one more connection to the same cluster. */
  readonly open: () => KafkaTransport;
  /** Waits for a promise; a virtual environment moves its clock meanwhile. */
  run<T>(promise: Promise<T>): Promise<T>;
}

let topicCount = 0;

/** The behaviour that sources and sinks rely on: every implementation of `KafkaTransport` passes it. */
export function describeTransport(createSubject: () => Promise<TransportSubject>): void {
  const opened: KafkaTransport[] = [];

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((transport) => transport.close()));
  });

  /** Runs a test body against a fresh topic. */
  const behaves = (title: string, body: (use: Use) => Promise<void>, partitions = 1): void =>
    test(title, async () => {
      const subject = await createSubject();
      const open = (): KafkaTransport => {
        const transport = subject.open();
        opened.push(transport);
        return transport;
      };
      const topic = `suite-${process.pid}-${Math.floor(performance.timeOrigin)}-${topicCount++}`;
      const transport = open();
      await subject.run(
        (async () => {
          await transport.createTopic({ topic, partitions, replicationFactor: 1 });
          // A broker answers that a new partition is led elsewhere until it took the lead itself.
          const ends = Array.from({ length: partitions }, (_, partition) => ({
            topic,
            partition,
            at: 'latest' as const,
          }));
          await transport.listOffsets(ends, 'read_committed');
          await body({ topic, transport, open, environment: subject.environment });
        })(),
      );
    });

  behaves(
    'a topic is described with all its partitions, a missing one with none',
    async ({ transport, topic }) => {
      const [found, missing] = await transport.describeTopics([topic, `${topic}-missing`]);
      expect(found!.topic).toBe(topic);
      expect(found!.partitions.map(({ partition }) => partition)).toEqual([0, 1, 2]);
      expect(found!.partitions.every(({ leaderId, replicaCount }) => leaderId >= 0 && replicaCount === 1)).toBe(true);
      expect(missing!.partitions).toEqual([]);
    },
    3,
  );

  behaves('creating a topic that is there changes nothing and says so', async ({ transport, topic }) => {
    expect(await transport.createTopic({ topic, partitions: 7, replicationFactor: 1 })).toBe(false);
    const other = `${topic}-b`;
    const settings = { 'cleanup.policy': 'compact' };
    expect(await transport.createTopic({ topic: other, partitions: 2, replicationFactor: 1, settings })).toBe(true);
    const [first, second] = await transport.describeTopics([topic, other]);
    expect([first!.partitions.length, second!.partitions.length]).toEqual([1, 2]);
  });

  behaves('records come back as they were sent, in order, from any offset', async ({ transport, topic }) => {
    const producer = await transport.openProducer();
    const builder = new RecordBatchBuilder();
    builder.append(Buffer.from('k0'), Buffer.from('v0'), 1_000, [{ name: 'h', value: Buffer.from('x') }]);
    builder.append(null, Buffer.from('v1'), 999);
    builder.append(Buffer.from('k2'), null, 5_000_000_000_000);
    await producer.send([{ topic, partition: 0, batch: builder.finish() }]);
    builder.append(Buffer.alloc(0), Buffer.from('vier ü €'), 0);
    await producer.send([{ topic, partition: 0, batch: builder.finish() }]);
    const expected = [
      { offset: 0, timestampMs: 1_000, key: 'k0', value: 'v0', headers: { h: 'x' } },
      { offset: 1, timestampMs: 999, key: null, value: 'v1', headers: {} },
      { offset: 2, timestampMs: 5_000_000_000_000, key: 'k2', value: null, headers: {} },
      { offset: 3, timestampMs: 0, key: '', value: 'vier ü €', headers: {} },
    ];
    for (let offset = 0; offset <= 4; offset++) {
      expect(await readRecords(transport, topic, 0, { offset })).toEqual(expected.slice(offset));
    }
  });

  behaves('batches of every compression are stored and read', async ({ transport, topic }) => {
    const producer = await transport.openProducer();
    for (const compression of COMPRESSION_NAMES) {
      const batch = batchOf(
        Array.from({ length: 100 }, (_, i) => `${compression} ${i} ${'abc'.repeat(i)}`),
        compression,
      );
      await producer.send([{ topic, partition: 0, batch }]);
    }
    const values = (await readRecords(transport, topic, 0)).map(({ value }) => value);
    expect(values).toEqual(
      COMPRESSION_NAMES.flatMap((name) => Array.from({ length: 100 }, (_, i) => `${name} ${i} ${'abc'.repeat(i)}`)),
    );
  });

  behaves('a fetch with little room still makes progress', async ({ transport, topic }) => {
    const producer = await transport.openProducer();
    for (let i = 0; i < 5; i++) {
      await producer.send([{ topic, partition: 0, batch: batchOf([`${i} ${'x'.repeat(1_000)}`]) }]);
    }
    const values = (await readRecords(transport, topic, 0, { maxBytes: 100 })).map(({ value }) => value![0]);
    expect(values).toEqual(['0', '1', '2', '3', '4']);
  });

  behaves(
    'one fetch reads several partitions of a broker, each from its own offset',
    async ({ transport, topic }) => {
      const producer = await transport.openProducer();
      await producer.send([0, 1, 2].map((partition) => ({ topic, partition, batch: batchOf(['a', 'b', 'c']) })));
      const [description] = await transport.describeTopics([topic]);
      const byLeader = Map.groupBy(description!.partitions, ({ leaderId }) => leaderId);
      const fetched = [];
      for (const [leaderId, led] of byLeader) {
        const partitions = led.map(({ partition }) => ({ topic, partition, offset: partition, maxBytes: 100_000 }));
        const request = { leaderId, partitions, isolation: 'read_committed', maxWaitMs: 100, maxBytes: 1e6 } as const;
        fetched.push(...(await transport.fetch(request)));
      }
      expect(fetched.map(({ partition, status, highWatermark }) => ({ partition, status, highWatermark }))).toEqual(
        expect.arrayContaining([0, 1, 2].map((partition) => ({ partition, status: 'ok', highWatermark: 3 }))),
      );
    },
    3,
  );

  behaves('a fetch waits for the next record', async ({ transport, topic, open, environment }) => {
    const [description] = await transport.describeTopics([topic]);
    const { leaderId } = description!.partitions[0]!;
    const partitions = [{ topic, partition: 0, offset: 0, maxBytes: 100_000 }];
    const request = { leaderId, partitions, isolation: 'read_committed', maxWaitMs: 20_000, maxBytes: 1e6 } as const;
    const startMs = environment.clock.monotonicMs();
    let count = 0;
    const fetching = (async () => {
      // A broker may answer early with nothing.
      while ((await transport.fetch(request))[0]!.records.length === 0) count++;
    })();
    const producer = await open().openProducer();
    await producer.send([{ topic, partition: 0, batch: batchOf(['late']) }]);
    await fetching;
    expect(count).toBeLessThan(5);
    expect(environment.clock.monotonicMs() - startMs).toBeLessThan(15_000);
  });

  behaves('offsets are found by place and by time', async ({ transport, topic }) => {
    const producer = await transport.openProducer();
    const builder = new RecordBatchBuilder();
    for (const timestampMs of [1_000, 2_000, 1_500, 4_000]) builder.append(null, Buffer.from('v'), timestampMs);
    await producer.send([{ topic, partition: 0, batch: builder.finish() }]);
    const places = ['earliest', 'latest', 0, 1_001, 3_000, 4_001] as const;
    const queries = places.map((at) => ({ topic, partition: 0, at }));
    expect(await transport.listOffsets(queries, 'read_committed')).toEqual([0, 4, 0, 1, 3, 4]);
  });

  behaves('what does not exist is told apart from what cannot be read there', async ({ transport, topic }) => {
    await expect(
      transport.listOffsets([{ topic: `${topic}-missing`, partition: 0, at: 'latest' }], 'read_committed'),
    ).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
    const [description] = await transport.describeTopics([topic]);
    const { leaderId } = description!.partitions[0]!;
    const fetch = (partition: number, offset: number) =>
      transport.fetch({
        leaderId,
        partitions: [{ topic, partition, offset, maxBytes: 1_000 }],
        isolation: 'read_committed',
        maxWaitMs: 10,
        maxBytes: 1_000,
      });
    expect((await fetch(0, 17))[0]!.status).toBe('outOfRange');
    expect((await fetch(9, 0))[0]!.status).toBe('missing');
  });

  behaves('group offsets are kept by group, topic and partition', async ({ transport, topic }) => {
    const groupId = `${topic}-group`;
    await transport.commitOffsets(groupId, [{ topic, partition: 0, offset: 5 }]);
    await transport.commitOffsets(groupId, [{ topic, partition: 0, offset: 7 }]);
    const asked = [
      { topic, partition: 0 },
      { topic, partition: 1 },
    ];
    expect(await transport.committedOffsets(groupId, asked)).toEqual([7, undefined]);
    expect(await transport.committedOffsets(`${groupId}-b`, asked)).toEqual([undefined, undefined]);
  });

  behaves('a transaction is seen when it is committed, an aborted one never', async (use) => {
    const { transport, topic } = use;
    const producer = await transport.openProducer({ transactionalId: topic });
    const seen = async () => (await readRecords(transport, topic, 0)).map(({ value }) => value);
    producer.begin();
    await producer.send([{ topic, partition: 0, batch: batchOf(['a1']) }]);
    await producer.send([{ topic, partition: 0, batch: batchOf(['a2']) }]);
    expect(await seen()).toEqual([]);
    await producer.commit();
    await settle(use);
    expect(await seen()).toEqual(['a1', 'a2']);
    producer.begin();
    await producer.send([{ topic, partition: 0, batch: batchOf(['b']) }]);
    await producer.abort();
    producer.begin();
    await producer.send([{ topic, partition: 0, batch: batchOf(['c']) }]);
    await producer.commit();
    await settle(use);
    expect(await seen()).toEqual(['a1', 'a2', 'c']);
    const all = await readRecords(transport, topic, 0, { isolation: 'read_uncommitted' });
    expect(all.map(({ value }) => value)).toEqual(['a1', 'a2', 'b', 'c']);
  });

  behaves('an open transaction hides what comes behind it', async (use) => {
    const { transport, topic, open } = use;
    const slow = await open().openProducer({ transactionalId: `${topic}-slow` });
    const plain = await open().openProducer();
    slow.begin();
    await slow.send([{ topic, partition: 0, batch: batchOf(['slow']) }]);
    await plain.send([{ topic, partition: 0, batch: batchOf(['plain']) }]);
    const latest = [{ topic, partition: 0, at: 'latest' }] as const;
    expect(await transport.listOffsets(latest, 'read_committed')).toEqual([0]);
    expect(await transport.listOffsets(latest, 'read_uncommitted')).toEqual([2]);
    expect(await readRecords(transport, topic, 0)).toEqual([]);
    await slow.abort();
    await settle(use);
    expect((await readRecords(transport, topic, 0)).map(({ value }) => value)).toEqual(['plain']);
  });

  behaves(
    'a transaction spans partitions, all or nothing',
    async (use) => {
      const { transport, topic } = use;
      const producer = await transport.openProducer({ transactionalId: topic });
      const all = (value: string) => [0, 1, 2].map((partition) => ({ topic, partition, batch: batchOf([value]) }));
      for (const outcome of ['abort', 'commit', 'abort', 'commit'] as const) {
        producer.begin();
        await producer.send(all(outcome));
        await producer[outcome]();
      }
      for (const partition of [0, 1, 2]) {
        await settle(use, partition);
        const values = (await readRecords(transport, topic, partition)).map(({ value }) => value);
        expect(values).toEqual(['commit', 'commit']);
      }
    },
    3,
  );

  behaves('a new producer of the same id ends what the old one left open, and fences it', async (use) => {
    const { transport, topic, open } = use;
    const old = await open().openProducer({ transactionalId: topic });
    old.begin();
    await old.send([{ topic, partition: 0, batch: batchOf(['zombie']) }]);
    const successor = await open().openProducer({ transactionalId: topic });
    await expect(old.commit()).rejects.toMatchObject({ code: 'FENCED', retryable: false });
    await expect(old.send([{ topic, partition: 0, batch: batchOf(['zombie']) }])).rejects.toThrow('open a new one');
    successor.begin();
    await successor.send([{ topic, partition: 0, batch: batchOf(['alive']) }]);
    await successor.commit();
    await settle(use);
    expect((await readRecords(transport, topic, 0)).map(({ value }) => value)).toEqual(['alive']);
  });

  behaves('a fenced producer cannot start anything new', async ({ transport, topic, open }) => {
    const old = await open().openProducer({ transactionalId: topic });
    await open().openProducer({ transactionalId: topic });
    old.begin();
    await expect(old.send([{ topic, partition: 0, batch: batchOf(['zombie']) }])).rejects.toMatchObject({
      code: 'FENCED',
    });
    expect(await readRecords(transport, topic, 0, { isolation: 'read_uncommitted' })).toEqual([]);
  });

  behaves('a producer that failed is poisoned', async ({ transport, topic }) => {
    const producer = await transport.openProducer();
    await expect(producer.send([{ topic: `${topic}-no`, partition: 0, batch: batchOf(['x']) }])).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
    });
    await expect(producer.send([{ topic, partition: 0, batch: batchOf(['x']) }])).rejects.toMatchObject({
      retryable: true,
    });
    expect(await readRecords(transport, topic, 0)).toEqual([]);
  });

  behaves('sends that overlap keep their order', async ({ transport, topic }) => {
    const producer = await transport.openProducer();
    const values = Array.from({ length: 20 }, (_, i) => String(i));
    await Promise.all(values.map((value) => producer.send([{ topic, partition: 0, batch: batchOf([value]) }])));
    expect((await readRecords(transport, topic, 0)).map(({ value }) => value)).toEqual(values);
  });

  behaves('interleaved transactions: what was committed is seen, in log order', async (use) => {
    const { transport, topic, open } = use;
    const random = new SeededRandom(7);
    const producers = await Promise.all(
      [0, 1, 2].map(async (i) => await open().openProducer({ transactionalId: `${topic}-${i}` })),
    );
    const isOpen = [false, false, false];
    const open3: string[][] = [[], [], []];
    const committed = new Set<string>();
    let count = 0;
    const end = async (i: number): Promise<void> => {
      const isCommit = random.next() < 0.5;
      await (isCommit ? producers[i]!.commit() : producers[i]!.abort());
      for (const value of open3[i]!.splice(0)) if (isCommit) committed.add(value);
      isOpen[i] = false;
    };
    for (let step = 0; step < 60; step++) {
      const i = random.below(3);
      if (isOpen[i] && random.next() < 0.3) {
        await end(i);
        continue;
      }
      if (!isOpen[i]) producers[i]!.begin();
      isOpen[i] = true;
      const value = `${i}/${count++}`;
      open3[i]!.push(value);
      await producers[i]!.send([{ topic, partition: 0, batch: batchOf([value]) }]);
    }
    for (const i of [0, 1, 2]) if (isOpen[i]) await end(i);
    await settle(use);
    const log = await readRecords(transport, topic, 0, { isolation: 'read_uncommitted' });
    expect(log.length).toBe(count);
    const expected = log.filter(({ value }) => committed.has(value!));
    expect(await readRecords(transport, topic, 0)).toEqual(expected);
    // From the middle, too: what was aborted before must not show there.
    for (const { offset } of log.filter((_record, index) => index % 7 === 3)) {
      const rest = expected.filter((record) => record.offset >= offset);
      expect(await readRecords(transport, topic, 0, { offset })).toEqual(rest);
    }
  });

  behaves('a whole partition is read up to its end, waiting for what is undecided', async (use) => {
    const { transport, topic, open, environment } = use;
    const plain = await open().openProducer();
    const slow = await open().openProducer({ transactionalId: `${topic}-slow` });
    await plain.send([{ topic, partition: 0, batch: batchOf(['1']) }]);
    slow.begin();
    await slow.send([{ topic, partition: 0, batch: batchOf(['2']) }]);
    await plain.send([{ topic, partition: 0, batch: batchOf(['3']) }]);
    const values: string[] = [];
    const reading = readPartition(transport, environment, { topic, partition: 0 }, (columns, index) => {
      values.push(columns.value(index)!.toString());
    });
    await environment.scheduler.delay(400);
    expect(values).toEqual(['1']);
    await slow.commit();
    await reading;
    expect(values).toEqual(['1', '2', '3']);
  });
}

interface Use {
  readonly topic: string;
  readonly transport: KafkaTransport;
  readonly open: () => KafkaTransport;
  readonly environment: Environment;
}

/** Waits until no transaction is undecided: a broker answers a commit a moment before readers can see it. */
async function settle({ transport, topic, environment }: Use, partition: number = 0): Promise<void> {
  const query = [{ topic, partition, at: 'latest' }] as const;
  for (;;) {
    const [visible] = await transport.listOffsets(query, 'read_committed');
    const [end] = await transport.listOffsets(query, 'read_uncommitted');
    if (visible === end) return;
    await environment.scheduler.delay(5);
  }
}

function batchOf(values: readonly string[], compression: KafkaCompression = 'none'): Buffer {
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(null, Buffer.from(value), 1_700_000_000_000);
  return builder.finish(compression);
}
