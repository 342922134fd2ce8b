/**
 * Records out of a fetched record set: our columns against kafkajs' decoder, and the parts of ours.
 * Run: npm run bench -- kafka-decode    Unit: us CPU per record    Sizes: 300-byte values, batches of 500
 */
import Decoder from 'kafkajs/src/protocol/decoder.js';
import decodeBatch from 'kafkajs/src/protocol/recordBatch/v0/decoder.js';
import { COMPRESSION_NAMES, type KafkaCompression } from '../../operators/kafka/compression.ts';
import { crc32c } from '../../operators/kafka/crc32c.ts';
import { RecordBatchBuilder } from '../../operators/kafka/record-batch-builder.ts';
import { sealBatch, writeInt64 } from '../../operators/kafka/record-batch.ts';
import { RecordColumns } from '../../operators/kafka/record-columns.ts';
import { RecordSetCursor } from '../../operators/kafka/record-set-cursor.ts';

const IS_TINY = process.env['TIDEMARK_BENCH'] === 'test';
const BATCH_COUNT = IS_TINY ? 2 : 200;
const BATCH_RECORDS = 500;
const ROUNDS = IS_TINY ? 1 : 10;
const RECORDS = BATCH_COUNT * BATCH_RECORDS;

for (const compression of COMPRESSION_NAMES) {
  const set = createSet(compression);
  await measure(`ours, ${compression}`, () => readColumns(set));
  if (compression === 'none' || compression === 'gzip')
    await measure(`kafkajs, ${compression}`, () => readKafkajs(set));
}
const plain = createSet('none');
await measure('of it: checksum', async () => crc32c(plain, 0, plain.length));
await measure('ours, with a Buffer per value', () => readValues(plain));
const builder = new RecordBatchBuilder();
const value = createValue(0);
await measure('encoding a batch', async () => {
  for (let i = 0; i < RECORDS; i++) {
    builder.append(value, value, 1_700_000_000_000 + i);
    if (builder.recordCount === BATCH_RECORDS) builder.finish();
  }
});

async function measure(name: string, run: () => Promise<number | void>): Promise<void> {
  await run();
  await run();
  const before = process.cpuUsage();
  for (let round = 0; round < ROUNDS; round++) await run();
  const { user, system } = process.cpuUsage(before);
  console.log(`${name.padEnd(32)} ${((user + system) / RECORDS / ROUNDS).toFixed(3)}`);
}

async function readColumns(bytes: Buffer): Promise<number> {
  const columns = new RecordColumns();
  const cursor = new RecordSetCursor({ description: 'bench', bytes, startOffset: 0, aborted: [] });
  let sum = 0;
  for (let first = cursor.next(columns); first >= 0; first = cursor.next(columns)) {
    for (let i = first; i < columns.count; i++) sum += columns.valueEnds[i]! - columns.valueStarts[i]!;
  }
  return sum;
}

async function readValues(bytes: Buffer): Promise<number> {
  const columns = new RecordColumns();
  const cursor = new RecordSetCursor({ description: 'bench', bytes, startOffset: 0, aborted: [] });
  let sum = 0;
  for (let first = cursor.next(columns); first >= 0; first = cursor.next(columns)) {
    for (let i = first; i < columns.count; i++) sum += columns.value(i)!.length;
  }
  return sum;
}

async function readKafkajs(bytes: Buffer): Promise<number> {
  let sum = 0;
  for (let at = 0; at < bytes.length;) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    const { records } = await decodeBatch(new Decoder(bytes.subarray(at, end)));
    for (const record of records) sum += record.value!.length;
    at = end;
  }
  return sum;
}

function createSet(compression: KafkaCompression): Buffer {
  const batches = [];
  const records = new RecordBatchBuilder();
  for (let batchIndex = 0; batchIndex < BATCH_COUNT; batchIndex++) {
    for (let i = 0; i < BATCH_RECORDS; i++) {
      const number = batchIndex * BATCH_RECORDS + i;
      records.append(Buffer.from(`user-${number % 997}`), createValue(number), 1_700_000_000_000 + number);
    }
    const batch = records.finish(compression);
    sealBatch(batch, { producerId: 1, producerEpoch: 0, isTransactional: false }, batchIndex * BATCH_RECORDS);
    writeInt64(batch, 0, batchIndex * BATCH_RECORDS);
    batches.push(batch);
  }
  return Buffer.concat(batches);
}

/** A JSON-like value of 300 bytes. */
function createValue(number: number): Buffer {
  const head = `{"id":${number},"user":"user-${(number * 7919) % 10_007}","campaign":"c${number % 53}","text":"`;
  return Buffer.from(`${head.padEnd(298, 'lorem ipsum ')}"}`);
}
