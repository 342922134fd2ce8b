import { expect, test } from 'vitest';
import { RecordError } from '../../../../engine/base/errors.ts';
import { json } from '../../../../operators/format/json/json.ts';
import { RecordBatchBuilder } from '../../../../operators/kafka/record-batch-builder.ts';
import type { KafkaStartPosition } from '../../../../operators/source/kafka/kafka-source-options.ts';
import { kafkaSource } from '../../../../operators/source/kafka/kafka-source.ts';
import { long } from '../../../../state/schema/scalars.ts';
import { onKafka } from './kafka-fixture.ts';

test(
  'a bounded source reads what is there at its start, each partition in order, and ends',
  onKafka(async (fixture) => {
    await fixture.write(0, ['a0', 'a1'], 5_000);
    await fixture.write(1, ['b0'], 6_000);
    await fixture.write(0, ['a2'], 7_000);
    const run = await fixture.start(fixture.source({ bounded: true }));
    await fixture.write(0, ['too late']);
    await run.run();
    const byValue = run.emitted.toSorted((a, b) => (a.value < b.value ? -1 : 1));
    expect(byValue).toEqual([
      { splitId: 'events-0', value: 'a0', timestampMs: 5_000 },
      { splitId: 'events-0', value: 'a1', timestampMs: 5_000 },
      { splitId: 'events-0', value: 'a2', timestampMs: 7_000 },
      { splitId: 'events-1', value: 'b0', timestampMs: 6_000 },
    ]);
    expect(run.released.toSorted()).toEqual(['events-0', 'events-1']);
  }),
);

test(
  'a bounded source ends inside of a batch, and before a time',
  onKafka(async (fixture) => {
    const transport = fixture.kafka.transport({ environment: fixture.environment, logger: fixture.environment.logger });
    const builder = new RecordBatchBuilder();
    for (const timestampMs of [1_000, 2_000, 3_000, 4_000])
      builder.append(null, Buffer.from(`${timestampMs}`), timestampMs);
    const producer = await transport.openProducer();
    await producer.send([{ topic: 'events', partition: 0, batch: builder.finish() }]);
    const run = await fixture.start(fixture.source({ bounded: { timestampMs: 2_500 } }));
    await run.run();
    expect(run.emitted.map(({ value }) => value)).toEqual(['1000', '2000']);
  }),
);

test(
  'a bounded source ends behind transactions that were aborted',
  onKafka(async (fixture) => {
    await fixture.write(0, ['seen']);
    const transport = fixture.kafka.transport({ environment: fixture.environment, logger: fixture.environment.logger });
    const producer = await transport.openProducer({ transactionalId: 't' });
    const builder = new RecordBatchBuilder();
    builder.append(null, Buffer.from('void'), 1);
    producer.begin();
    await producer.send([{ topic: 'events', partition: 0, batch: builder.finish() }]);
    await producer.abort();
    const run = await fixture.start(fixture.source({ bounded: true }));
    await run.run();
    expect(run.emitted.map(({ value }) => value)).toEqual(['seen']);
  }),
);

const START_POSITIONS: readonly [KafkaStartPosition, readonly string[]][] = [
  ['earliest', ['0', '1', '2', '3']],
  ['latest', []],
  [{ timestampMs: 2_000 }, ['2', '3']],
  [{ timestampMs: 9_000 }, []],
  [{ offsets: { 'events-0': 1 } }, ['1', '2', '3']],
  [{ offsets: {} }, ['0', '1', '2', '3']],
  ['committed', ['3']],
];

for (const [startFrom, expected] of START_POSITIONS) {
  test(
    `reading starts from ${JSON.stringify(startFrom)}`,
    onKafka(
      async (fixture) => {
        for (let i = 0; i < 4; i++) await fixture.write(0, [String(i)], i * 1_000);
        fixture.kafka.group('g').set('events-0', 3);
        const run = await fixture.start(fixture.source({ bounded: true, startFrom, groupId: 'g' }));
        await run.run();
        expect(run.emitted.map(({ value }) => value)).toEqual(expected);
      },
      { partitions: 1 },
    ),
  );
}

test(
  'new partitions are found and read from their first record',
  onKafka(async (fixture) => {
    const run = await fixture.start(fixture.source({ startFrom: 'latest', discoveryInterval: '10s' }), {
      parallelism: 2,
    });
    fixture.kafka.addPartitions('events', 4);
    for (let partition = 0; partition < 4; partition++) await fixture.write(partition, [`p${partition}`]);
    await run.run({ untilCount: 4 });
    expect(run.emitted.map(({ value }) => value).toSorted()).toEqual(['p0', 'p1', 'p2', 'p3']);
    const restored = await fixture.start(fixture.source({ discoveryInterval: '10s' }), { restore: run.checkpoint() });
    await fixture.write(3, ['more']);
    await restored.run({ untilCount: 1 });
    expect(restored.emitted.map(({ value }) => value)).toEqual(['more']);
    await restored.close();
    await run.close();
  }),
);

test(
  'fetching stops while the buffer is full, and goes on',
  onKafka(
    async (fixture) => {
      for (let i = 0; i < 50; i++) await fixture.write(0, [`${i}`.padEnd(1_000, '.')]);
      const sole = await fixture.reader(fixture.source({ bufferBytes: 5_000, partitionBytes: 2_000 }));
      await fixture.environment.scheduler.delay(60_000);
      expect(sole.metrics.sum('numBytesIn')).toBeLessThan(8_000);
      while (sole.emitted.length < 50) {
        if (sole.poll(1) === 'empty') await sole.reader.available();
      }
      expect(sole.emitted.map((value) => Number.parseInt(value, 10))).toEqual(Array.from({ length: 50 }, (_, i) => i));
      await sole.reader.close();
    },
    { partitions: 1 },
  ),
);

test(
  'splits are known to the task before their first record',
  onKafka(async (fixture) => {
    const sole = await fixture.reader(fixture.source());
    sole.poll();
    expect(sole.splits.toSorted()).toEqual(['events-0', 'events-1']);
    await sole.reader.close();
  }),
);

test(
  'lag and bytes are measured from positions',
  onKafka(async (fixture) => {
    await fixture.write(0, ['a', 'b', 'c']);
    const sole = await fixture.reader(fixture.source());
    await fixture.environment.scheduler.delay(1_000);
    const pending = () => sole.metrics.gauges.get('pendingRecords')!();
    expect(pending()).toBe(3);
    sole.poll(2);
    expect(pending()).toBe(1);
    expect(sole.metrics.sum('numBytesIn')).toBeGreaterThan(61);
    await sole.reader.close();
  }),
);

test(
  'a partition may have a backlog until the broker has said where it ends, and has none once it is read up to there',
  onKafka(async (fixture) => {
    await fixture.write(0, ['a', 'b']);
    const sole = await fixture.reader(fixture.source());
    const backlogs = () => ['events-0', 'events-1'].map((splitId) => sole.reader.hasBacklog!(splitId));
    expect(backlogs()).toEqual([true, true]);
    await fixture.environment.scheduler.delay(1_000);
    sole.poll(1);
    expect(backlogs()).toEqual([true, false]);
    sole.poll(1);
    expect(backlogs()).toEqual([false, false]);
    await fixture.write(1, ['c']);
    await fixture.environment.scheduler.delay(1_000);
    expect(backlogs()).toEqual([false, true]);
    await sole.reader.close();
  }),
);

test(
  'positions of a complete checkpoint are shown in the group, and only then',
  onKafka(async (fixture) => {
    await fixture.write(0, ['a', 'b', 'c']);
    const sole = await fixture.reader(fixture.source({ groupId: 'g' }));
    await fixture.environment.scheduler.delay(1_000);
    sole.poll(2);
    sole.reader.snapshotState(7);
    sole.poll(1);
    await fixture.environment.scheduler.delay(1_000);
    expect([...fixture.kafka.group('g')]).toEqual([]);
    sole.reader.notifyCheckpointComplete!(7);
    await fixture.environment.scheduler.delay(1_000);
    expect(Object.fromEntries(fixture.kafka.group('g'))).toEqual({ 'events-0': 2, 'events-1': 0 });
    await sole.reader.close();
  }),
);

test(
  'a record that cannot be decoded fails the job, naming it',
  onKafka(async (fixture) => {
    await fixture.write(0, ['1', '2', 'x3']);
    const run = await fixture.start(fixture.source({ bounded: true, format: NUMBERS }));
    await expect(run.run()).rejects.toMatchObject({
      code: 'RECORD',
      message: expect.stringMatching(/^record 2 of events-0 cannot be decoded: /) as unknown,
      hint: expect.stringContaining('onError') as unknown,
    });
  }),
);

test(
  'or it is handed to the job with its bytes, in its place',
  onKafka(async (fixture) => {
    await fixture.write(0, ['1', 'x', '3', null, '[4, "y", 6]']);
    const run = await fixture.start(
      fixture.source({
        bounded: true,
        format: NUMBERS,
        onError: ({ topic, partition, offset, timestampMs, key, value, error }) => {
          expect(error).toBeInstanceOf(RecordError);
          return `${topic} ${partition} ${offset} ${timestampMs} ${key?.toString()} ${value?.toString() ?? null}`;
        },
      }),
    );
    await run.run();
    expect(run.emitted.map(({ value }) => value)).toEqual([
      1,
      'events 0 1 1000 key x',
      3,
      'events 0 3 1000 key null',
      ...run.emitted.slice(4).map(({ value }) => value),
    ]);
    expect(run.emitted.slice(4).map(({ value }) => value)).toContain('events 0 4 1000 key [4, "y", 6]');
  }),
);

test(
  'tombstones can be passed over',
  onKafka(async (fixture) => {
    await fixture.write(0, ['1', null, '3', null]);
    const sole = await fixture.reader(fixture.source({ format: NUMBERS, skipTombstones: true, bounded: true }));
    while (sole.poll() !== 'end') await sole.reader.available();
    expect(sole.emitted).toEqual([1, 3]);
    expect(sole.metrics.sum('numTombstonesSkipped')).toBe(2);
  }),
);

test(
  'a bug in the decoding function is not taken for a bad record',
  onKafka(async (fixture) => {
    await fixture.write(0, ['1']);
    const record = (): string => {
      throw new TypeError('bug');
    };
    const run = await fixture.start(fixture.source({ bounded: true, record, onError: () => 'quarantined' }));
    await expect(run.run()).rejects.toThrow('bug');
  }),
);

test(
  'a decoder that has to ask elsewhere first is waited for, in the order of the records',
  onKafka(async (fixture) => {
    await fixture.write(0, ['s1:a', 's1:b', 's2:c', 's1:d']);
    const known = new Set<string>();
    let askCount = 0;
    const format = {
      description: 'asking',
      createDecoder: () => ({
        prepare: (bytes: Buffer, start: number) => {
          const schema = bytes.toString('utf8', start, start + 2);
          if (known.has(schema)) return undefined;
          askCount++;
          return fixture.environment.scheduler.delay(500).then(() => void known.add(schema));
        },
        decode: (
          bytes: Buffer,
          start: number,
          end: number,
          _isEnd: boolean,
          output: { record(value: string, end: number): void },
        ) => {
          output.record(bytes.toString('utf8', start + 3, end), end);
          return end;
        },
      }),
    };
    const run = await fixture.start(fixture.source({ bounded: true, format } as never));
    await run.run();
    expect(run.emitted.map(({ value }) => value)).toEqual(['a', 'b', 'c', 'd']);
    expect(askCount).toBe(2);
  }),
);

test(
  'an offset that the broker does not have is an error that says what is there',
  onKafka(async (fixture) => {
    for (let i = 0; i < 10; i++) await fixture.write(0, [String(i)]);
    const run = await fixture.start(fixture.source());
    await run.run({ recordCountMax: 1, untilCount: 3 });
    const restore = run.checkpoint();
    await run.close();
    fixture.kafka.deleteRecordsBefore({ topic: 'events', partition: 0 }, 7);
    const restored = await fixture.start(fixture.source(), { restore });
    await expect(restored.run({ untilCount: 1 })).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      retryable: false,
      message: 'events-0: expected to read on at offset 3, the broker has [7, 10): 4 offsets were deleted unread',
      hint: expect.stringContaining('retention') as unknown,
    });
  }),
);

test(
  'a topic that was made anew is told from one that is behind',
  onKafka(async (fixture) => {
    for (let i = 0; i < 5; i++) await fixture.write(0, [String(i)]);
    const run = await fixture.start(fixture.source());
    await run.run({ untilCount: 5 });
    const restore = run.checkpoint();
    await run.close();
    fixture.kafka.deleteTopic('events');
    fixture.kafka.createTopic({ topic: 'events', partitions: 2, replicationFactor: 1 });
    const restored = await fixture.start(fixture.source(), { restore });
    await expect(restored.run({ untilCount: 1 })).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining('made anew') as unknown,
    });
  }),
);

test(
  'a missing topic stops the job at its start',
  onKafka(async (fixture) => {
    await expect(fixture.start(fixture.source({ topic: 'evnets' }))).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
      message: 'topic evnets does not exist on simulated Kafka',
    });
  }),
);

test(
  'a topic that vanishes stops the job, after a while',
  onKafka(async (fixture) => {
    const run = await fixture.start(fixture.source());
    fixture.kafka.deleteTopic('events');
    await expect(run.run({ untilCount: 1 })).rejects.toMatchObject({ code: 'TOPIC_MISSING' });
  }),
);

test.each([
  [{}, 'expected either topic or topics'],
  [{ topic: 'a', topics: ['b'] }, 'expected either topic or topics'],
  [{ topics: [] }, 'expected either topic or topics'],
  [{ topic: 'a', startFrom: 'committed' }, "startFrom 'committed' needs a groupId"],
  [{ topic: 'a', bufferBytes: 0 }, 'must be positive'],
  [{ topic: 'a', record: undefined }, /expected .*format.* record/],
  [{ topic: 'a', brokers: 'nowhere' }, "expected a broker as host:port, found 'nowhere'"],
  [{ topic: 'a', brokers: '' }, 'brokers is empty'],
])('options %j are refused', (options, message) => {
  expect(() => kafkaSource({ brokers: 'a:1', record: () => 1, ...options } as never)).toThrow(message);
});

const NUMBERS = json(long()) as never;
