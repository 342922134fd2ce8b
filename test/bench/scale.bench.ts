/**
 * State far larger than the cache: throughput, event-loop stalls, checkpoints and the pauses they make, memory, and the way
 * back after a kill. Prints JSON lines.
 * Run: npm run bench -- scale    Unit: milliseconds, MB, records per second and per CPU second of the whole process
 * Options: TIDEMARK_BENCH_STATE_MB (100), TIDEMARK_BENCH_CACHE_MB (a fiftieth of the state, at least 16),
 * TIDEMARK_BENCH_TEXT (400 characters a key), TIDEMARK_BENCH_SECONDS (10), TIDEMARK_BENCH_CHECKPOINTS (5s),
 * TIDEMARK_BENCH_HOT (0.5), TIDEMARK_BENCH_FOLDER (a temporary one); TIDEMARK_BENCH=test: tiny sizes.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { planOfCache } from '../../engine/runtime/memory-plan.ts';
import type { ScaleOptions } from './scale/options.ts';

const setting = (name: string, fallback: string | number): string =>
  process.env[`TIDEMARK_BENCH_${name}`] ?? String(fallback);
const isTest = process.env['TIDEMARK_BENCH'] === 'test';
const MB = 1 << 20;
/** What a page has beside its text: entry, key, timer, other fields. */
const PAGE_BYTES = 60;

const folder = mkdtempSync(join(setting('FOLDER', tmpdir()), 'tidemark-scale-'));
const stateMb = Number(setting('STATE_MB', isTest ? 1 : 100));
const textLength = Number(setting('TEXT', 400));
const cacheBytes = Number(setting('CACHE_MB', Math.max(16, Math.floor(stateMb / 50)))) * MB;
const { totalBytes, writeBufferBytes } = planOfCache(cacheBytes, 1);
const options: ScaleOptions = {
  folder,
  keyCount: Math.ceil((stateMb * MB) / (textLength + PAGE_BYTES)),
  textLength,
  cacheBytes,
  writeBufferBytes,
  checkpointInterval: setting('CHECKPOINTS', isTest ? '100ms' : '5s'),
  steadySeconds: Number(setting('SECONDS', isTest ? 0.2 : 10)),
  hotShare: Number(setting('HOT', 0.5)),
  fullRate: 0,
  startedAtMs: Date.now(),
};

try {
  print({
    phase: 'options',
    stateMb,
    keyCount: options.keyCount,
    cacheMb: cacheBytes / MB,
    budgetMb: Math.round(totalBytes / MB),
  });
  const rate = await run(options, true);
  await run({ ...options, fullRate: rate, startedAtMs: Date.now() }, false);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify({ bench: 'scale', ...line })}\n`);
}

/** Runs until it ends, or kills it when it is ready; returns the rate it told. */
async function run(runOptions: ScaleOptions, isKilled: boolean): Promise<number> {
  const script = fileURLToPath(new URL('./scale/run.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(runOptions)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => void child.once('exit', resolve));
  let rate = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const { phase, rate: told } = JSON.parse(line) as { phase: string; rate?: number };
    if (phase !== 'ready') process.stdout.write(`${line}\n`);
    else {
      rate = told!;
      child.kill('SIGKILL');
    }
  }
  const code = await ended;
  if (!isKilled && code !== 0) throw new Error(`the run after the kill ended with ${code}`);
  if (isKilled && rate === 0) throw new Error(`the run before the kill ended with ${code}`);
  return rate;
}
