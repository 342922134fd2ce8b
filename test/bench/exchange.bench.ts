/**
 * Records between threads: our codec, and the whole channel, beside what Node offers.
 * Run: npm run bench -- exchange    Unit: CPU ns per record    TIDEMARK_BENCH=test: tiny sizes
 */
import { deserialize, serialize } from 'node:v8';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { BatchDecoder } from '../../engine/exchange/codec/batch-decoder.ts';
import { BatchEncoder } from '../../engine/exchange/codec/batch-encoder.ts';
import { RingReceiver } from '../../engine/exchange/ring-receiver.ts';
import { RingSender } from '../../engine/exchange/ring-sender.ts';
import { createSharedRing } from '../../engine/exchange/shared-ring.ts';
import { BellRinger, createSharedBells } from '../../engine/exchange/thread-bell.ts';
import { RecordBatch } from '../../engine/task/record-batch.ts';
import type { Key } from '../../state/keyed/key.ts';

const isTest = process.env['TIDEMARK_BENCH'] === 'test';
const RECORDS = 1024;
const ROUNDS = isTest ? 1 : 100;
const REPEATS = isTest ? 1 : 5;

const letters = Buffer.from(Array.from({ length: 8192 }, (_, i) => 97 + ((Math.imul(i, 2654435761) >>> 20) % 26)));
const extra = (i: number): string => letters.toString('latin1', (i * 37) % 8000, ((i * 37) % 8000) + 100);

interface Kind {
  readonly name: string;
  readonly create: (i: number) => unknown;
  readonly keyOf: (value: never) => Key;
}

const KINDS: readonly Kind[] = [
  {
    name: 'bid of 5 fields, 100 characters',
    create: (i) => ({ auction: 1000 + i, bidder: 2000 + i, price: i * 100, time: 1.7e12 + i, extra: extra(i) }),
    keyOf: ({ auction }: { readonly auction: number }) => auction,
  },
  {
    name: 'three numbers',
    create: (i) => ({ auction: 1000 + i, price: i * 100, time: 1.7e12 + i }),
    keyOf: ({ auction }: { readonly auction: number }) => auction,
  },
  {
    name: '4 short strings, keyed by one',
    create: (i) => ({ user: `user-${i}`, campaign: `campaign-${i % 50}`, site: `site-${i % 300}`, state: 'CA', n: i }),
    keyOf: ({ user }: { readonly user: string }) => user,
  },
  {
    name: 'nested: { kind, bid: { … } }',
    create: (i) => ({ kind: 2, person: null, bid: { auction: 1000 + i, price: i * 100, channel: `channel-${i % 4}` } }),
    keyOf: ({ bid }: { readonly bid: { readonly auction: number } }) => bid.auction,
  },
];

let sum = 0;

function bench(name: string, run: () => void): void {
  run();
  run();
  let best = Infinity;
  for (let i = 0; i < REPEATS; i++) {
    const before = process.cpuUsage();
    for (let round = 0; round < ROUNDS; round++) run();
    const used = process.cpuUsage(before);
    best = Math.min(best, ((used.user + used.system) * 1000) / (ROUNDS * RECORDS));
  }
  console.log(`  ${name.padEnd(44)} ${best.toFixed(0).padStart(6)} ns`);
}

for (const { name, create, keyOf } of KINDS) {
  console.log(name);
  const batch = new RecordBatch();
  for (let i = 0; i < RECORDS; i++) {
    const value = create(i);
    batch.keys[i] = keyOf(value as never);
    batch.push(value, 1.7e12 + i);
  }
  const encoder = new BatchEncoder();
  const decoder = new BatchDecoder();
  const target = new RecordBatch();
  const messages: { readonly bytes: Buffer; readonly view: DataView }[] = [];
  const encode = (isKept: boolean): void => {
    for (let from = 0; from < RECORDS;) {
      encoder.writer.begin();
      from = encoder.records(batch, from);
      const { buffer, start, at } = encoder.writer;
      sum += at;
      if (!isKept) continue;
      const bytes = Buffer.from(buffer.subarray(start, at));
      messages.push({ bytes, view: new DataView(bytes.buffer, bytes.byteOffset) });
    }
  };
  const decode = (): void => {
    target.clear();
    for (const { bytes, view } of messages) {
      decoder.open(bytes, view, 0);
      decoder.records(target);
    }
  };
  encode(true);
  decode();
  messages.length = 0;
  encode(true);
  const byteCount = messages.reduce((bytes, message) => bytes + message.bytes.length, 0);
  console.log(`  ${(byteCount / RECORDS).toFixed(0)} bytes per record, ${messages.length} messages`);
  bench('encode', () => encode(false));
  bench('decode', decode);

  const options = {
    channelId: 0,
    ring: createSharedRing(1 << 20),
    peer: new BellRinger(createSharedBells(1), 0),
    batchRecords: RECORDS,
  };
  const sender = new RingSender(options);
  const receiver = new RingReceiver(options);
  bench('channel: send and receive, with copies of refs', () => {
    const sent = sender.acquire();
    for (let i = 0; i < RECORDS; i++) {
      sent.keys[i] = batch.keys[i]!;
      sent.push(batch.values[i], batch.timestamps[i]!);
    }
    sender.push(sent);
    const received = receiver.take() as RecordBatch;
    sum += received.length;
    receiver.release(received);
  });

  const plain = batch.values.slice(0, RECORDS);
  const text = JSON.stringify(plain);
  const serialized = serialize(plain);
  bench('JSON.stringify', () => void (sum += JSON.stringify(plain).length));
  bench('JSON.parse', () => void (sum += (JSON.parse(text) as unknown[]).length));
  bench('v8.serialize', () => void (sum += serialize(plain).length));
  bench('v8.deserialize', () => void (sum += (deserialize(serialized) as unknown[]).length));
  const { port1, port2 } = new MessageChannel();
  bench('postMessage of a batch and receiving it', () => {
    port1.postMessage(plain);
    sum += (receiveMessageOnPort(port2)!.message as unknown[]).length;
  });
  port1.close();
}
if (sum === 0) throw new Error('nothing was measured');
