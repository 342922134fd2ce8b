import { expect, test } from 'vitest';
import { NO_TIMESTAMP } from '../../../../engine/time/timestamps.ts';
import { DELETE, INSERT, UPDATE_AFTER, UPDATE_BEFORE } from '../../../../engine/task/row-kind.ts';
import { jsonEncoder } from '../../../../operators/format/json/json-encode.ts';
import { partitionOfKey } from '../../../../operators/kafka/murmur2.ts';
import { kafkaSink } from '../../../../operators/sink/kafka/kafka-sink.ts';
import { readStagedBatches } from '../../../../operators/sink/kafka/staged-batches.ts';
import { long } from '../../../../state/schema/scalars.ts';
import { record } from '../../../../state/schema/record.ts';
import { onKafka } from './sink-fixture.ts';

test(
  'records are seen when their checkpoint is committed, not before',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    writer.write('a', 1_000, INSERT);
    const first = await writer.prepareCommit(1);
    writer.write('b', 2_000, INSERT);
    expect(await fixture.values()).toEqual([]);
    await committer.commit(1, first);
    expect(await fixture.read()).toEqual([{ offset: 0, timestampMs: 1_000, key: null, value: 'a', headers: {} }]);
    await committer.commit(2, await writer.prepareCommit(2));
    expect(await fixture.values()).toEqual(['a', 'b']);
    expect(await fixture.storage.list('')).toEqual([]);
  }),
);

test(
  'a commit that is repeated changes nothing, also by another attempt',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    const prepared: unknown[][] = [];
    for (let checkpointId = 1; checkpointId <= 3; checkpointId++) {
      writer.write(`v${checkpointId}`, 0, INSERT);
      prepared.push([...(await writer.prepareCommit(checkpointId))]);
    }
    await committer.commit(1, prepared[0] as never);
    await committer.commit(1, prepared[0] as never);
    await committer.commit(2, prepared[1] as never);
    const next = await sink.createCommitter!(fixture.context({ attempt: 2 }));
    for (let checkpointId = 1; checkpointId <= 3; checkpointId++) {
      await next.commit(checkpointId, prepared[checkpointId - 1] as never);
    }
    expect(await fixture.values()).toEqual(['v1', 'v2', 'v3']);
    await expect(committer.commit(3, prepared[2] as never)).rejects.toMatchObject({ code: 'FENCED' });
    expect(await fixture.values()).toEqual(['v1', 'v2', 'v3']);
  }),
);

test(
  'a checkpoint without records costs no file, no transaction and no marker',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    expect(await writer.prepareCommit(1)).toEqual([]);
    await committer.commit(1, []);
    expect(fixture.kafka.partition('out', 0)!.endOffset).toBe(0);
    expect(fixture.kafka.partition('out-commits', 0)!.endOffset).toBe(0);
  }),
);

test(
  'after a failure the next try looks up what has happened',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    const faults = [{ sendLost: 1 }, { sendAnswerLost: 1 }, { endLost: 1 }, { endAnswerLost: 1 }];
    for (const [index, fault] of faults.entries()) {
      writer.write(`v${index}`, 0, INSERT);
      const prepared = await writer.prepareCommit(index + 1);
      fixture.kafka.faults = fault;
      await expect(committer.commit(index + 1, prepared)).rejects.toMatchObject({ retryable: true });
      fixture.kafka.faults = {};
      await committer.commit(index + 1, prepared);
      await committer.commit(index + 1, prepared);
    }
    expect(await fixture.values()).toEqual(['v0', 'v1', 'v2', 'v3']);
  }),
);

test(
  'a new attempt fences the committer of the old one and ends its transaction',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    const old = await sink.createCommitter!(fixture.context());
    writer.write('a', 0, INSERT);
    const prepared = await writer.prepareCommit(1);
    const next = await sink.createCommitter!(fixture.context({ attempt: 2 }));
    await expect(old.commit(1, prepared)).rejects.toMatchObject({ code: 'FENCED', retryable: false });
    await next.commit(1, prepared);
    expect(await fixture.values()).toEqual(['a']);
  }),
);

test(
  'a job taken back to an older state writes what followed again, and says so',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    const prepared = [];
    for (const checkpointId of [1, 2, 3]) {
      writer.write(`v${checkpointId}`, 0, INSERT);
      prepared.push(await writer.prepareCommit(checkpointId));
      await committer.commit(checkpointId, prepared.at(-1)!);
    }
    // Restored from checkpoint 1, whose results are committed already.
    const context = fixture.context({ attempt: 2 });
    const restored = await sink.createWriter(context);
    const next = await sink.createCommitter!(context);
    await next.commit(1, prepared[0]!);
    restored.write('v2 again', 0, INSERT);
    await next.commit(2, await restored.prepareCommit(2));
    expect(await fixture.values()).toEqual(['v1', 'v2', 'v3', 'v2 again']);
    expect(fixture.warnings).toEqual([expect.stringContaining('taken back to an older state')]);
  }),
);

test(
  'a commit too old to be remembered by its id is known by its removed files',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    const prepared = [];
    for (let checkpointId = 1; checkpointId <= 40; checkpointId++) {
      writer.write(`v${checkpointId}`, 0, INSERT);
      prepared.push(await writer.prepareCommit(checkpointId));
      await committer.commit(checkpointId, prepared.at(-1)!);
    }
    await committer.commit(1, prepared[0]!);
    expect((await fixture.values()).length).toBe(40);
  }),
);

test(
  'staged records that are gone before their commit stop the job',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    writer.write('a', 0, INSERT);
    const prepared = await writer.prepareCommit(1);
    const [staged] = await fixture.storage.list('');
    await fixture.storage.delete([staged!.key]);
    await expect(committer.commit(1, prepared)).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' });
  }),
);

test(
  'a damaged staged file is found before anything is sent',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    writer.write('a', 0, INSERT);
    await writer.prepareCommit(1);
    const [staged] = await fixture.storage.list('');
    const { bytes } = (await fixture.storage.get(staged!.key))!;
    expect(readStagedBatches(bytes, 'here').map(({ partition }) => partition)).toEqual([0]);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x10;
      expect(() => readStagedBatches(damaged, 'here')).toThrow(expect.objectContaining({ code: 'CHECKPOINT_CORRUPT' }));
      expect(() => readStagedBatches(bytes.subarray(0, at), 'here')).toThrow('are damaged');
    }
  }),
);

test(
  'an epoch larger than memory is staged in files while it lasts, and the job waits for room',
  onKafka(async (fixture) => {
    const sink = fixture.sink({ bufferBytes: 20_000, batchBytes: 4_096 });
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    const values = Array.from({ length: 200 }, (_, i) => `${i} `.padEnd(500, 'x'));
    let waitCount = 0;
    for (const value of values) {
      writer.write(value, 0, INSERT);
      const room = writer.blockedUntil!();
      if (room !== undefined) waitCount++;
      await room;
    }
    expect(waitCount).toBeGreaterThan(3);
    const prepared = await writer.prepareCommit(1);
    expect((await fixture.storage.list('')).length).toBeGreaterThan(3);
    await committer.commit(1, prepared);
    expect(await fixture.values()).toEqual(values);
    expect(await fixture.storage.list('')).toEqual([]);
  }),
);

test(
  'a record goes to the partition that Java clients choose for its key',
  onKafka(
    async (fixture) => {
      const sink = fixture.sink({ key: (value) => value.slice(0, 2) });
      const writer = await sink.createWriter(fixture.context());
      const committer = await sink.createCommitter!(fixture.context());
      const values = Array.from({ length: 50 }, (_, i) => `k${i % 10}-${i}`);
      for (const value of values) writer.write(value, 0, INSERT);
      await committer.commit(1, await writer.prepareCommit(1));
      for (const partition of [0, 1, 2, 3]) {
        const expected = values.filter((value) => partitionOfKey(4, Buffer.from(value.slice(0, 2))) === partition);
        expect(await fixture.values(partition)).toEqual(expected);
      }
    },
    { partitions: 4 },
  ),
);

test(
  'records without key are spread over the partitions',
  onKafka(
    async (fixture) => {
      const sink = fixture.sink({ batchBytes: 4_096 });
      const writer = await sink.createWriter(fixture.context());
      const committer = await sink.createCommitter!(fixture.context());
      for (let i = 0; i < 100; i++) writer.write('x'.repeat(1_000), 0, INSERT);
      await committer.commit(1, await writer.prepareCommit(1));
      const counts = await Promise.all([0, 1, 2].map(async (partition) => (await fixture.values(partition)).length));
      expect(counts.reduce((sum, count) => sum + count)).toBe(100);
      expect(Math.min(...counts)).toBeGreaterThan(20);
    },
    { partitions: 3 },
  ),
);

test(
  'a partition, time, headers and id can be chosen',
  onKafka(
    async (fixture) => {
      const sink = fixture.sink({
        partition: (value, partitionCount) => Number(value) % partitionCount,
        timestamp: (value) => Number(value) * 1_000,
        headers: (value) => ({ source: 'test', bytes: Buffer.from(value) }),
        id: (value) => `id-${value}`,
      });
      const writer = await sink.createWriter(fixture.context());
      const committer = await sink.createCommitter!(fixture.context());
      for (const value of ['4', '5']) writer.write(value, 0, INSERT);
      expect(() => writer.write('x', 0, INSERT)).toThrow('expected a partition in [0, 2), found NaN');
      await committer.commit(1, await writer.prepareCommit(1));
      const record = { offset: 0, key: null };
      expect(await fixture.read(0)).toEqual([
        { ...record, value: '4', timestampMs: 4_000, headers: { id: 'id-4', source: 'test', bytes: '4' } },
      ]);
      expect(await fixture.read(1)).toEqual([
        { ...record, value: '5', timestampMs: 5_000, headers: { id: 'id-5', source: 'test', bytes: '5' } },
      ]);
    },
    { partitions: 2 },
  ),
);

test(
  'a record without time gets the time of writing',
  onKafka(async (fixture) => {
    const sink = fixture.sink();
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    const nowMs = fixture.environment.clock.nowMs();
    writer.write('a', NO_TIMESTAMP, INSERT);
    writer.write('b', -5, INSERT);
    await committer.commit(1, await writer.prepareCommit(1));
    expect((await fixture.read()).map(({ timestampMs }) => timestampMs)).toEqual([nowMs, 0]);
  }),
);

test(
  'rows that take others back are refused, folded by key, or written with their kind',
  onKafka(async (fixture) => {
    const rows = [
      ['a1', INSERT],
      ['a1', UPDATE_BEFORE],
      ['a2', UPDATE_AFTER],
      ['a2', DELETE],
    ] as const;
    const refusing = await fixture.sink().createWriter(fixture.context());
    expect(() => refusing.write('a1', 0, UPDATE_BEFORE)).toThrow('expected inserts only, found a row of kind -U');
    const key = (value: string): string => value[0]!;
    const found = [];
    for (const changelog of ['upsert', 'all'] as const) {
      fixture.kafka.createTopic({ topic: changelog, partitions: 1, replicationFactor: 1 });
      const context = fixture.context({ storagePrefix: `job/0/staged/${changelog}` });
      const sink = fixture.sink({ topic: changelog, changelog, key });
      const writer = await sink.createWriter(context);
      for (const [value, kind] of rows) writer.write(value, 0, kind);
      const committer = await sink.createCommitter!(context);
      await committer.commit(1, await writer.prepareCommit(1));
      const records = await fixture.read(0, changelog);
      found.push(records.map(({ key: name, value, headers }) => [name, value, headers['row-kind']]));
    }
    expect(found).toEqual([
      [
        ['a', 'a1', undefined],
        ['a', 'a2', undefined],
        ['a', null, undefined],
      ],
      [
        ['a', 'a1', '+I'],
        ['a', 'a1', '-U'],
        ['a', 'a2', '+U'],
        ['a', 'a2', '-D'],
      ],
    ]);
  }),
);

test(
  'a value that does not fit its format fails, and leaves no trace in the batch',
  onKafka(async (fixture) => {
    const schema = record('Row', { n: long() });
    const options = { brokers: 'a:1', transport: fixture.kafka.transport, topic: 'out', format: jsonEncoder(schema) };
    const sink = kafkaSink<{ n: number }>(options);
    const writer = await sink.createWriter(fixture.context());
    const committer = await sink.createCommitter!(fixture.context());
    writer.write({ n: 1 }, 0, INSERT);
    expect(() => writer.write({ n: 'x' } as never, 0, INSERT)).toThrow(expect.objectContaining({ code: 'RECORD' }));
    writer.write({ n: 2 }, 0, INSERT);
    await committer.commit(1, await writer.prepareCommit(1));
    expect(await fixture.values()).toEqual(['{"n":1}', '{"n":2}']);
  }),
);

test(
  'a missing topic is an error at the start, or is created',
  onKafka(
    async (fixture) => {
      const missing = { code: 'TOPIC_MISSING', message: 'topic out does not exist on simulated Kafka' };
      for (const delivery of ['exactly-once', 'low-latency'] as const) {
        const sink = fixture.sink({ delivery });
        await expect(sink.createWriter(fixture.context())).rejects.toMatchObject(missing);
      }
      await expect(fixture.sink().createCommitter!(fixture.context())).rejects.toMatchObject(missing);
      const sink = fixture.sink({ createTopic: { partitions: 3, replicationFactor: 1 } });
      await sink.createWriter(fixture.context());
      expect(fixture.kafka.partitions('out').length).toBe(3);
    },
    { partitions: 0 },
  ),
);

test(
  'the topic of markers is compacted, has its own name if wanted, and is shared by sinks',
  onKafka(async (fixture) => {
    for (const uid of ['x', 'y', 'z']) {
      const context = fixture.context({ sinkUid: uid, storagePrefix: `job/0/staged/${uid}` });
      const sink = fixture.sink({ markersTopic: 'markers' });
      const writer = await sink.createWriter(context);
      const committer = await sink.createCommitter!(context);
      writer.write(uid, 0, INSERT);
      await committer.commit(5, await writer.prepareCommit(5));
    }
    expect(fixture.kafka.topicSettings('markers')!.settings!['cleanup.policy']).toBe('compact');
    const markers = await fixture.read(0, 'markers');
    expect(markers.map(({ key }) => key)).toEqual(['x', 'y', 'z'].map((uid) => `tidemark-job/0/staged/${uid}`));
    expect(JSON.parse(markers[0]!.value!)).toMatchObject({ format: 1, sinkUid: 'x', checkpointId: 5, attempt: 1 });
    expect(await fixture.values()).toEqual(['x', 'y', 'z']);
  }),
);

test.each([
  [{ topic: '' }, 'the topic is empty'],
  [{ changelog: 'upsert' }, "changelog 'upsert' needs a key"],
  [{ batchBytes: -1 }, 'expected a positive batchBytes, found -1'],
  [{ brokers: 'nowhere' }, 'expected a broker as host:port'],
])('options %j are refused', (options, message) => {
  expect(() => kafkaSink({ brokers: 'a:1', topic: 'out', format: {} as never, ...options } as never)).toThrow(message);
});
