/**
 * Encoding and decoding of a 15-field impression: our schemas against avsc and JSON.
 * Run: npm run bench -- schema    Unit: CPU ns per record    TIDEMARK_BENCH=test: tiny sizes
 */
import avsc from 'avsc';
import { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { optional } from '../../state/schema/optional.ts';
import { pick, record } from '../../state/schema/record.ts';
import { createResolver } from '../../state/schema/resolver.ts';
import { long, string, timestampMs } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';

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
type Impression = Infer<typeof Impression>;

const isTest = process.env['TIDEMARK_BENCH'] === 'test';
const RECORDS = 2048;
const ROUNDS = isTest ? 1 : 400;

function hex32(seed: number): string {
  let text = '';
  for (let i = 0; i < 4; i++)
    text += ((Math.imul(seed + i, 2654435761) ^ (seed * 40503 + i)) >>> 0).toString(16).padStart(8, '0');
  return text;
}

const impressions: Impression[] = Array.from({ length: RECORDS }, (_, i) => ({
  impressionId: hex32(i),
  at: 1_767_225_600_000 + i * 13,
  userId: hex32(i + 7777),
  campaignId: `campaign-${i % 1000}`,
  creativeId: `creative-${i % 5000}`,
  website: `site-${i % 300}.example.com`,
  pageUrl: i % 3 === 0 ? undefined : `https://site-${i % 300}.example.com/articles/${i}`,
  device: ['mobile', 'desktop', 'tablet'][i % 3],
  country: ['DEU', 'USA', 'FRA'][i % 3],
  auctionId: i % 2 === 0 ? undefined : hex32(i + 1234),
  priceMicros: 1_500_000 + i,
  width: 300,
  height: 250,
  receivedAt: 1_767_225_600_250 + i * 13,
  currency: i % 4 === 0 ? undefined : 'EUR',
}));

const avscImpressions = impressions.map((value) =>
  Object.fromEntries(Object.entries(value).map(([key, field]) => [key, field === undefined ? null : field])),
);

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

const writer = new ByteWriter(1 << 20);
const offsets: number[] = [0];
for (const value of impressions) {
  Impression.encode(writer, value);
  offsets.push(writer.length);
}
const chunk = writer.copy();
const messages = impressions.map((_, i) => Buffer.from(chunk.subarray(offsets[i], offsets[i + 1])));
const jsonLines = impressions.map((value) => JSON.stringify(value));
const jsonChunks = Array.from(
  { length: RECORDS / 128 },
  (_, i) => `[${jsonLines.slice(i * 128, i * 128 + 128).join(',')}]`,
);
console.log(
  `Avro ${(chunk.length / RECORDS).toFixed(0)} bytes, JSON ${(jsonLines.join('').length / RECORDS).toFixed(0)} bytes per record`,
);

const type = avsc.Type.forSchema(Impression.avro as avsc.Schema);
const avscBuffer = Buffer.alloc(4096);

bench('encode ours', () => {
  writer.clear();
  for (let i = 0; i < RECORDS; i++) Impression.encode(writer, impressions[i]!);
});
bench('encode avsc into a buffer', () => {
  for (let i = 0; i < RECORDS; i++) sink += type.encode(avscImpressions[i]!, avscBuffer, 0);
});
bench('encode avsc toBuffer', () => {
  for (let i = 0; i < RECORDS; i++) sink += type.toBuffer(avscImpressions[i]!).length;
});
bench('encode JSON.stringify', () => {
  for (let i = 0; i < RECORDS; i++) sink += JSON.stringify(impressions[i]).length;
});

bench('decode ours, one chunk', () => {
  const reader = new ByteReader(chunk);
  for (let i = 0; i < RECORDS; i++) sink += Impression.decode(reader).width;
});
bench('decode ours, a reader per message', () => {
  for (let i = 0; i < RECORDS; i++) sink += Impression.decode(new ByteReader(messages[i]!)).width;
});
bench('decode avsc', () => {
  for (let i = 0; i < RECORDS; i++) sink += (type.fromBuffer(messages[i]!) as Impression).width;
});
bench('decode JSON.parse per record', () => {
  for (let i = 0; i < RECORDS; i++) sink += (JSON.parse(jsonLines[i]!) as Impression).width;
});
bench('decode JSON.parse per 128 records', () => {
  for (const text of jsonChunks) for (const value of JSON.parse(text) as Impression[]) sink += value.width;
});

const Projected = pick(Impression, ['at', 'campaignId', 'priceMicros', 'userId']);
const project = createResolver(Impression.avro, Projected);
const projectedType = avsc.Type.forSchema(Projected.avro as avsc.Schema);
const avscResolver = projectedType.createResolver(type);
bench('project 4 fields ours, one chunk', () => {
  const reader = new ByteReader(chunk);
  for (let i = 0; i < RECORDS; i++) sink += project(reader).priceMicros;
});
bench('project 4 fields avsc', () => {
  for (let i = 0; i < RECORDS; i++)
    sink += (projectedType.fromBuffer(messages[i]!, avscResolver, true) as Impression).priceMicros;
});
if (sink === 0) console.log('nothing was done');
