/**
 * Reading CSV: 15 columns, one of them quoted, against uDSV.
 * Run: npm run bench -- csv    Unit: CPU ns per row    TIDEMARK_BENCH=test: tiny sizes
 */
import { inferSchema, initParser } from 'udsv';
import { csv } from '../../operators/format/csv/csv.ts';
import { DecodeOutput } from '../../operators/format/decode-format.ts';
import { optional } from '../../state/schema/optional.ts';
import { pick, record } from '../../state/schema/record.ts';
import { long, string, timestampMs } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';

const isTest = process.env['TIDEMARK_BENCH'] === 'test';
const ROWS = 4096;
const ROUNDS = isTest ? 1 : 100;

const Row = record('Row', {
  event_timestamp: timestampMs(),
  user_id: string(),
  ad_campaign_id: string(),
  conversion_type: optional(string()),
  click_id: string(),
  impression_id: optional(string()),
  order_id: optional(string()),
  value_micros: optional(long()),
  currency: optional(string()),
  ip: string(),
  user_agent: string(),
  landing_url: string(),
  country: string(),
  device: string(),
  received_at: timestampMs(),
});

const lines = [Object.keys(Row.fields).join(',')];
for (let i = 0; i < ROWS; i++) {
  const id = ((i * 2654435761) >>> 0).toString(16).padStart(32, '0');
  const time = new Date(1_767_225_600_000 + i * 100).toISOString();
  lines.push(
    `${time},${id},campaign-${i % 1000},${i % 10 === 0 ? 'purchase' : ''},${id},${id},,${i % 10 === 0 ? i * 1000 : ''},EUR,10.0.${i % 256}.7,"Mozilla/5.0 (X11; Linux, like Gecko)",https://shop.example.com/${i},DEU,mobile,${1_767_225_600_000 + i}`,
  );
}
const bytes = Buffer.from(lines.join('\n') + '\n');
console.log(`${(bytes.length / ROWS).toFixed(0)} bytes per row`);

let sink = 0;

function bench(name: string, run: () => void): void {
  run();
  run();
  let best = Infinity;
  for (let i = 0; i < (isTest ? 1 : 5); i++) {
    const before = process.cpuUsage();
    for (let round = 0; round < ROUNDS; round++) run();
    const used = process.cpuUsage(before);
    best = Math.min(best, ((used.user + used.system) * 1000) / (ROUNDS * ROWS));
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

function ours(schema: Schema<object>): () => void {
  const decoder = csv(schema).createDecoder('stream');
  const output = new Count();
  const head = decoder.readHead!(bytes, bytes.length, true)!;
  return () => {
    decoder.decode(bytes, head, bytes.length, true, output);
    sink += output.count;
  };
}

bench('ours, checked records', ours(Row));
bench('ours, 4 of 15 columns', ours(pick(Row, ['event_timestamp', 'user_id', 'ad_campaign_id', 'conversion_type'])));
const text = bytes.toString();
const parser = initParser(inferSchema(text, { col: ',', row: '\n', encl: '"' }));
bench('uDSV, arrays of strings', () => {
  sink += parser.stringArrs(bytes.toString()).length;
});
bench('uDSV, typed objects', () => {
  sink += parser.typedObjs(bytes.toString()).length;
});
if (sink === 0) console.log('nothing was done');
