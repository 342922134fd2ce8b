/**
 * The impression–click join, on the engine and as one hand-written loop over the same bytes.
 * Run: npm run bench -- attribution    Unit: events per CPU second of the whole process
 * Options: TIDEMARK_BENCH_EVENTS (2,000,000), TIDEMARK_BENCH_PROFILE (dense | sparse), TIDEMARK_BENCH_CACHE_MB (1024),
 * TIDEMARK_BENCH_STORE (rocksdb | heap), TIDEMARK_BENCH_CHECKPOINTS (2s), TIDEMARK_BENCH_RUNS (1), TIDEMARK_BENCH_VARIANTS (files,kafka; files needs no broker);
 * TIDEMARK_BENCH=test: tiny sizes.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { prepareInput } from './attribution/input.ts';
import type { VariantArguments } from './attribution/measure.ts';
import { produceLines } from './attribution/produce.ts';
import { startServices } from '../harness/services/services.ts';

const setting = (name: string, fallback: string): string => process.env[`TIDEMARK_BENCH_${name}`] ?? fallback;
const isTest = process.env['TIDEMARK_BENCH'] === 'test';
const input = prepareInput({
  eventCount: Number(setting('EVENTS', isTest ? '20000' : '2000000')),
  profile: setting('PROFILE', 'dense') as 'dense' | 'sparse',
  seed: 1,
  spanMs: 7_200_000,
});
const variantArguments: VariantArguments = {
  input,
  cacheBytes: Number(setting('CACHE_MB', '1024')) * 1024 * 1024,
  checkpointInterval: setting('CHECKPOINTS', '2s'),
  store: setting('STORE', 'rocksdb') as 'rocksdb' | 'heap',
};

// Interleaved, so that a drift of the machine meets both.
const runs = Number(setting('RUNS', '1'));
for (let run = 0; run < runs; run++)
  for (const variant of ['files-engine', 'files-loop']) runVariant(variant, variantArguments);

if (setting('VARIANTS', 'files,kafka') === 'files') process.exit();
const services = await startServices({ kafka: { isForBench: true } });
try {
  const topic = 'attribution-bench';
  const { brokers } = services.kafka;
  await produceLines(brokers, topic, input.jsonFile);
  for (let run = 0; run < runs; run++) {
    for (const variant of ['kafka-engine', 'kafka-loop']) runVariant(variant, { ...variantArguments, brokers, topic });
  }
} finally {
  await services.stop();
}

function runVariant(variant: string, options: VariantArguments): void {
  const script = fileURLToPath(new URL(`./attribution/${variant}.ts`, import.meta.url));
  const { status } = spawnSync(process.execPath, ['--max-old-space-size=8192', script, JSON.stringify(options)], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${variant} failed`);
}
