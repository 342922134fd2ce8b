import fc from 'fast-check';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import decodeBatch from 'kafkajs/src/protocol/recordBatch/v0/decoder.js';
import codec from 'kafkajs/src/protocol/recordBatch/v0/index.js';
import encodeRecord from 'kafkajs/src/protocol/recordBatch/record/v0/index.js';
import { expect, test } from 'vitest';
import { COMPRESSION_NAMES, type KafkaCompression } from '../../../operators/kafka/compression.ts';
import { RecordBatchBuilder } from '../../../operators/kafka/record-batch-builder.ts';
import { batchRecordCount, sealBatch } from '../../../operators/kafka/record-batch.ts';
import { RecordColumns } from '../../../operators/kafka/record-columns.ts';
import { measureRecordSet, RecordSetCursor } from '../../../operators/kafka/record-set-cursor.ts';
import javaClient from './fixtures/java-client.json' with { type: 'json' };

interface TestRecord {
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const anyRecord: fc.Arbitrary<TestRecord> = fc.record({
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 4_102_444_800_000 }), fc.nat(1_000)),
  key: fc.option(anyBytes),
  value: fc.option(anyBytes),
  headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), anyBytes, { maxKeys: 3, noNullPrototype: true }),
});
const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 50 });

const PRODUCER = { producerId: 12_345_678_901, producerEpoch: 3, isTransactional: true };

test('kafkajs reads what we write', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, fc.constantFrom<KafkaCompression>('none', 'gzip'), async (records, compression) => {
      const batch = sealed(records, compression);
      expect(batchRecordCount(batch)).toBe(records.length);
      const decoded = await decodeBatch(new Decoder(batch));
      expect(decoded.records.map(fromKafkajs)).toEqual(records);
    }),
  );
});

test('we read what kafkajs writes', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, fc.constantFrom(0, 1), async (records, compression) => {
      const firstTimestamp = records[0]!.timestampMs;
      const { buffer } = await codec.RecordBatch({
        records: records.map(({ timestampMs, ...record }, offsetDelta) =>
          encodeRecord({ ...record, offsetDelta, timestampDelta: timestampMs - firstTimestamp }),
        ),
        firstTimestamp,
        maxTimestamp: Math.max(...records.map(({ timestampMs }) => timestampMs)),
        lastOffsetDelta: records.length - 1,
        compression,
      });
      expect(readAll(buffer)).toEqual(records);
    }),
  );
});

test('what we write we read, in every compression', () => {
  fc.assert(
    fc.property(anyRecords, fc.constantFrom(...COMPRESSION_NAMES), (records, compression) => {
      expect(readAll(sealed(records, compression))).toEqual(records);
    }),
  );
});

test.each(COMPRESSION_NAMES)('batches of the Java client are read, compression %s', (compression) => {
  const batch = Buffer.from(javaClient.batches[compression], 'base64');
  const found = readAll(batch);
  expect(found.length).toBe(40);
  found.forEach((record, i) => {
    expect(record.timestampMs).toBe(1_700_000_000_000 + (i % 2 === 0 ? i * 1_000 : -i * 100_000_000));
    expect(record.key?.toString() ?? null).toBe(i % 5 === 0 ? null : `key-${i}`);
    expect(record.value?.toString() ?? null).toBe(i % 7 === 0 ? null : `value ${i} ${'ab'.repeat(i * 3)}`);
    const headers = i % 3 === 0 ? { [`h${i}`]: Buffer.from(`x${i}`), n: Buffer.alloc(0) } : {};
    expect(record.headers).toEqual(headers);
  });
});

test('our uncompressed batches are those of the Java client, byte for byte', () => {
  const expected = Buffer.from(javaClient.batches.none, 'base64');
  const batch = sealed(readAll(expected), 'none', { producerId: 42, producerEpoch: 3, isTransactional: true }, 7);
  // The broker's fields: base offset and leader epoch.
  expected.copy(batch, 0, 0, 8);
  expected.copy(batch, 12, 12, 16);
  expect(batch).toEqual(expected);
});

test('a single wrong bit in a batch is found', () => {
  const records = [{ timestampMs: 1, key: Buffer.from('k'), value: Buffer.from('value'), headers: {} }];
  fc.assert(
    fc.property(fc.nat(), fc.nat(7), (byte, bit) => {
      const batch = sealed(records, 'none');
      const at = 16 + (byte % (batch.length - 16));
      batch[at]! ^= 1 << bit;
      expect(() => readAll(batch)).toThrow(expect.objectContaining({ code: 'RECORD' }));
    }),
  );
});

test('a set that is cut off anywhere gives its whole batches', () => {
  const one = sealed([{ timestampMs: 1, key: null, value: Buffer.from('one'), headers: {} }], 'none');
  const two = sealed([{ timestampMs: 2, key: null, value: Buffer.from('two'), headers: {} }], 'none');
  two.writeUInt32BE(1, 4); // base offset 1
  const set = Buffer.concat([one, two]);
  for (let length = 0; length <= set.length; length++) {
    const expected = length < one.length ? [] : length < set.length ? ['one'] : ['one', 'two'];
    const cut = set.subarray(0, length);
    expect(readAll(cut).map(({ value }) => value!.toString())).toEqual(expected);
    const wholeBytes = expected.length === 0 ? 0 : expected.length === 1 ? one.length : set.length;
    expect(measureRecordSet(cut, 0)).toEqual({ nextOffset: expected.length, wholeBytes });
  }
});

test('a batch that contradicts itself is an error, never a wrong record', () => {
  const columns = new RecordColumns();
  const batch = sealed([{ timestampMs: 1, key: null, value: Buffer.alloc(100), headers: {} }], 'none');
  fc.assert(
    fc.property(fc.integer({ min: 57, max: batch.length - 1 }), fc.nat(255), (at, byte) => {
      const damaged = Buffer.from(batch);
      damaged[at] = byte;
      try {
        columns.decode(damaged, 0);
      } catch (error) {
        expect(error).toMatchObject({ code: 'RECORD' });
        return;
      }
      for (let i = 0; i < columns.count; i++) {
        expect(columns.valueEnds[i]!).toBeLessThanOrEqual(damaged.length);
        expect(columns.keyEnds[i]!).toBeLessThanOrEqual(damaged.length);
      }
    }),
    { numRuns: 1_000 },
  );
});

function sealed(
  records: readonly TestRecord[],
  compression: KafkaCompression,
  producer: Parameters<typeof sealBatch>[1] = PRODUCER,
  sequence: number = 17,
): Buffer {
  const builder = new RecordBatchBuilder(16);
  for (const { key, value, timestampMs, headers } of records) {
    const list = Object.entries(headers).map(([name, content]) => ({ name, value: content }));
    builder.append(key, value, timestampMs, list);
  }
  const batch = builder.finish(compression);
  sealBatch(batch, producer, sequence);
  return batch;
}

function readAll(bytes: Buffer): TestRecord[] {
  const columns = new RecordColumns();
  const cursor = new RecordSetCursor({ description: 'test-0', bytes, startOffset: 0, aborted: [] });
  const records: TestRecord[] = [];
  for (let first = cursor.next(columns); first >= 0; first = cursor.next(columns)) {
    for (let i = first; i < columns.count; i++) {
      records.push({
        timestampMs: columns.timestampsMs[i]!,
        key: copy(columns.key(i)),
        value: copy(columns.value(i)),
        headers: Object.fromEntries(columns.headers(i).map(({ name, value }) => [name, Buffer.from(value)])),
      });
    }
  }
  return records;
}

function copy(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

function fromKafkajs(record: {
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}): TestRecord {
  const headers = Object.fromEntries(Object.entries(record.headers).map(([name, value]) => [name, Buffer.from(value)]));
  return { timestampMs: Number(record.timestamp), key: copy(record.key), value: copy(record.value), headers };
}
