/**
 * Reading JSON lines of a 15-field impression: our scanner against JSON.parse.
 * Run: npm run bench -- json    Unit: CPU ns per record    TIDEMARK_BENCH=test: tiny sizes
 */
import { ByteWriter } from '../../engine/base/bytes.ts';
import { DecodeOutput } from '../../operators/format/decode-format.ts';
import { PLAIN_JSON } from '../../operators/format/json/from-json.ts';
import { createFromJson } from '../../operators/format/json/generate-from-json.ts';
import { json, jsonLines } from '../../operators/format/json/json.ts';
import { jsonEncoder } from '../../operators/format/json/json-encode.ts';
import { JsonLinesDecoder } from '../../operators/format/json/json-lines-decoder.ts';
import { optional } from '../../state/schema/optional.ts';
import { pick, record } from '../../state/schema/record.ts';
import { long, string, timestampMs } from '../../state/schema/scalars.ts';
import type { Infer, Schema } from '../../state/schema/schema.ts';
import { shapeOf } from '../../state/schema/shape-schema.ts';

const Impression = record('Impression', {
  impressionId: string(),
  at: timestampMs(),
  userId: string(),
  campaignId: string(),
  creativeId: string(),
  website: string(),
  pageUrl: optional(string()),
  device: optional(string()),
  country: optional(string()),
  auctionId: optional(string()),
  priceMicros: long(),
  width: long(),
  height: long(),
  receivedAt: timestampMs(),
  currency: optional(string()),
});

const isTest = process.env['TIDEMARK_BENCH'] === 'test';
const RECORDS = 2048;
const ROUNDS = isTest ? 1 : 200;

const id = (seed: number): string => (Math.imul(seed, 2654435761) >>> 0).toString(16).padStart(8, '0').repeat(4);
const lines = Array.from({ length: RECORDS }, (_, i) =>
  JSON.stringify({
    impressionId: id(i),
    at: 1_767_225_600_000 + i * 13,
    userId: id(i + 7777),
    campaignId: `campaign-${i % 1000}`,
    creativeId: `creative-${i % 5000}`,
    website: `site-${i % 300}.example.com`,
    pageUrl: i % 3 === 0 ? undefined : `https://site-${i % 300}.example.com/articles/${i}`,
    device: ['mobile', 'desktop', 'tablet'][i % 3],
    country: ['DEU', 'USA', 'FRA'][i % 3],
    auctionId: i % 2 === 0 ? undefined : id(i + 1234),
    priceMicros: 1_500_000 + i,
    width: 300,
    height: 250,
    receivedAt: 1_767_225_600_250 + i * 13,
    currency: i % 4 === 0 ? undefined : 'EUR',
  }),
);
const bytes = Buffer.from(lines.join('\n') + '\n');
const spaced = Buffer.from(lines.map((line) => line.replaceAll(/(":|,)(?!\/\/)/g, '$1 ')).join('\n') + '\n');
console.log(`${(bytes.length / RECORDS).toFixed(0)} bytes per record`);

let sink = 0;

function bench(name: string, run: () => void): void {
  run();
  run();
  let best = Infinity;
  for (let i = 0; i < (isTest ? 1 : 5); i++) {
    const before = process.cpuUsage();
    for (let round = 0; round < ROUNDS; round++) run();
    const used = process.cpuUsage(before);
    best = Math.min(best, ((used.user + used.system) * 1000) / (ROUNDS * RECORDS));
  }
  console.log(`${name.padEnd(44)} ${best.toFixed(0).padStart(6)} ns`);
}

class Count extends DecodeOutput<object> {
  count = 0;
  record(): void {
    this.count++;
  }
  reject(error: Error): void {
    throw error;
  }
}

function ours(schema: Schema<object>, input: Buffer): () => void {
  const decoder = jsonLines(schema).createDecoder('stream');
  const output = new Count();
  return () => {
    decoder.decode(input, 0, input.length, true, output);
    sink += output.count;
  };
}

const Projected = pick(Impression, ['at', 'campaignId', 'priceMicros', 'userId']);

bench('ours, one chunk', ours(Impression, bytes));
bench('ours, with spaces', ours(Impression, spaced));
bench('ours, 4 of 15 fields', ours(Projected, bytes));
const messages = lines.map((line) => Buffer.from(line));
const decoder = json(Impression).createDecoder('message');
const output = new Count();
bench('ours, message by message', () => {
  for (const message of messages) decoder.decode(message, 0, message.length, true, output);
});
const plain = new JsonLinesDecoder<object>(createFromJson(shapeOf(Impression), PLAIN_JSON), undefined);
bench('JSON.parse per line, checked', () => {
  plain.decode(bytes, 0, bytes.length, true, output);
});
const texts = Array.from({ length: RECORDS / 128 }, (_, i) =>
  Buffer.from(`[${lines.slice(i * 128, i * 128 + 128).join(',')}]`),
);
const convert = createFromJson<object>(shapeOf(Impression), PLAIN_JSON);
bench('JSON.parse per 128 lines, checked', () => {
  for (const text of texts)
    for (const value of JSON.parse(text.toString()) as unknown[]) sink += convert(value) === undefined ? 0 : 1;
});
const values = lines.map((line) => JSON.parse(line) as Infer<typeof Impression>);
const writer = new ByteWriter(1 << 20);
const encoder = jsonEncoder(Impression);
bench('encode ours', () => {
  writer.clear();
  for (const value of values) encoder.encode(writer, value);
});
bench('encode JSON.stringify into a buffer', () => {
  writer.clear();
  for (const value of values) {
    const text = JSON.stringify(value);
    writer.ensure(text.length * 3);
    writer.length += writer.buffer.write(text, writer.length);
  }
});
if (sink === 0) console.log('nothing was done');
