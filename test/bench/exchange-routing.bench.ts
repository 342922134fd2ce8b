/**
 * Routing of records by key to two channels, and what hashing a key for its page costs beside.
 * Run: npm run bench -- exchange-routing    Unit: CPU ns per record    TIDEMARK_BENCH=test: tiny sizes
 */
import { Channel } from '../../engine/exchange/channel.ts';
import { HashOutput } from '../../engine/exchange/channel-output.ts';
import { RecordBatch } from '../../engine/task/record-batch.ts';
import { keyGroupOf } from '../../state/keyed/key-group.ts';
import { hashOfKey } from '../../state/keyed/key-image.ts';
import type { Key } from '../../state/keyed/key.ts';

const isTest = process.env['TIDEMARK_BENCH'] === 'test';
const RECORDS = 65_536;
const ROUNDS = isTest ? 1 : 20;
let sum = 0;

function bench(name: string, run: () => void): void {
  run();
  run();
  let best = Infinity;
  for (let i = 0; i < (isTest ? 1 : 7); i++) {
    const before = process.cpuUsage();
    for (let round = 0; round < ROUNDS; round++) run();
    const used = process.cpuUsage(before);
    best = Math.min(best, ((used.user + used.system) * 1000) / (ROUNDS * RECORDS));
  }
  console.log(`  ${name.padEnd(32)} ${best.toFixed(1).padStart(6)} ns`);
}

for (const [name, keyOf] of [
  ['integers', (i: number): Key => 1000 + ((i * 7919) % 20_000)],
  ['integers, 3 in 4 the same', (i: number): Key => (i % 4 === 0 ? i : 1000)],
  ['strings of 20 characters', (i: number): Key => `customer-${String((i * 7919) % 20_000).padStart(11, '0')}`],
] as const) {
  console.log(name);
  const records = Array.from({ length: RECORDS }, (_, i) => ({ key: keyOf(i), n: i }));
  const channels = [new Channel(0, 1024), new Channel(1, 1024)];
  const output = new HashOutput(channels, (value) => (value as { readonly key: Key }).key, 128, 'bench');
  bench('HashOutput.collect and taking', () => {
    for (let i = 0; i < RECORDS; i++) {
      output.collect(records[i], i, 0);
      if ((i & 1023) !== 1023) continue;
      for (const channel of channels) {
        for (let element = channel.take(); element !== undefined; element = channel.take()) {
          if (element instanceof RecordBatch) channel.release(element);
        }
      }
    }
  });
  bench('keyGroupOf', () => {
    for (let i = 0; i < RECORDS; i++) sum += keyGroupOf(records[i]!.key, 128);
  });
  bench('hashOfKey', () => {
    for (let i = 0; i < RECORDS; i++) sum ^= hashOfKey(records[i]!.key);
  });
}
if (sum === 0) throw new Error('nothing was measured');
