/* One run of scale.bench.ts: loads the state and keeps it busy; or, after a kill, goes on from the last checkpoint. */
import { join } from 'node:path';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { JobExecution } from '../../../engine/runtime/job-execution.ts';
import type { Sink } from '../../../engine/task/sink.ts';
import {
  collectionSource,
  defineProcess,
  StreamExecutionEnvironment,
  valueState,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { record } from '../../../state/schema/record.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import { openStorage } from '../../../state/storage/storage-url.ts';
import { RocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';
import type { ScaleOptions } from './options.ts';
import { Probe, rounded } from './probe.ts';

const options = JSON.parse(process.argv[2]!) as ScaleOptions;
const { folder, keyCount, textLength, cacheBytes, writeBufferBytes, fullRate } = options;
const FIRST_MS = 1_700_000_000_000;
const DAY_MS = 24 * 3_600_000;
const HOT_KEYS = Math.max(1, Math.floor(keyCount / 50));

interface Visit {
  readonly user: string;
  readonly at: number;
}

const Kept = record('Kept', { count: long(), lastAt: long(), text: string() });
const TEXT = Array.from({ length: 4096 }, (_, i) => ((i * 7919) % 36).toString(36)).join('');

/** A number of [0, 1) that depends on `index` only. */
function chance(index: number, salt: number): number {
  let x = Math.imul(index ^ salt, 0x9e3779b1) ^ Math.floor(index / 0x1_0000_0000);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 0x1_0000_0000;
}

/** Each key once, then at random. */
function visitAt(index: number): Visit {
  const at = FIRST_MS + Math.floor(index / 100);
  if (index < keyCount) return { user: `user-${index}`, at };
  const range = chance(index, 1) < options.hotShare ? HOT_KEYS : keyCount;
  return { user: `user-${Math.floor(chance(index, 2) * range)}`, at };
}

const visits = defineProcess({
  uid: 'visits',
  state: { kept: valueState(Kept) },
  processElement({ user, at }: Visit, { state, timers }, out: { collect(count: number): void }) {
    const kept = state.kept.value();
    const count = (kept?.count ?? 0) + 1;
    const text = kept?.text ?? TEXT.slice(user.length * 31, user.length * 31 + textLength);
    state.kept.update({ count, lastAt: at, text });
    if (kept === undefined) timers.registerEventTimeTimer(at + DAY_MS);
    out.collect(count);
  },
  onTimer(_timestampMs, { state }) {
    state.kept.clear();
  },
});

const probe = new Probe();
const counting: Sink<number> = {
  description: 'count',
  createWriter: () => ({
    write: () => probe.onOutput(),
    prepareCommit: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  }),
};

const environment = createNodeEnvironment();
const execution = JobExecution.start({
  environment,
  jobName: 'scale',
  buildGraph: () => {
    const env = new StreamExecutionEnvironment();
    env
      .fromSource(
        collectionSource<Visit>({ count: 1e15, at: visitAt }),
        'visitors',
        WatermarkStrategy.forMonotonousTimestamps<Visit>().withTimestamp(({ at }) => at),
      )
      .keyBy(({ user }) => user)
      .process(visits)
      .sinkTo(counting, { uid: 'count' });
    return env.streamGraph();
  },
  checkpointStorage: await openStorage(environment, join(folder, 'checkpoints')),
  openPageStore: () =>
    Promise.resolve(new RocksDbPageStore({ path: join(folder, `state-${process.pid}`), writeBufferBytes })),
  checkpointInterval: options.checkpointInterval,
  cacheBytes,
  restart: { kind: 'none' },
});

function print(phase: string, line: object): void {
  process.stdout.write(`${JSON.stringify({ bench: 'scale', phase, ...line })}\n`);
}

/** Resolves when `isDone`, asked every few milliseconds; watches the checkpoints meanwhile. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    if (execution.status.state === 'failed') await execution.result;
    watchCheckpoints();
    await new Promise<void>((resolve) => void setTimeout(resolve, 20));
  }
}

let checkpoints: { readonly ms: number; readonly mb: number }[] = [];
let seenCheckpoints = 0;
let firstCheckpointAtMs: number | undefined = undefined;
function watchCheckpoints(): void {
  const { completedCount, lastDurationMs, lastBytes } = execution.status.checkpoints;
  if (completedCount === seenCheckpoints) return;
  seenCheckpoints = completedCount;
  probe.onCheckpoint(lastDurationMs);
  firstCheckpointAtMs ??= performance.now();
  checkpoints.push({ ms: Math.round(lastDurationMs), mb: rounded(lastBytes / (1 << 20)) });
}

async function measure(phase: string, isDone: () => boolean): Promise<number> {
  checkpoints = [];
  probe.begin();
  await until(isDone);
  const measured = probe.measured();
  print(phase, { ...measured, checkpoints });
  return measured.recordsPerSecond;
}

const startedAt = performance.now() - (Date.now() - options.startedAtMs);
if (fullRate === 0) {
  await measure('load', () => probe.records >= keyCount);
  const endMs = performance.now() + options.steadySeconds * 1000;
  const rate = await measure('steady', () => performance.now() >= endMs);
  const last = seenCheckpoints;
  await until(() => seenCheckpoints > last);
  print('ready', { rate });
  // To be killed.
  await until(() => false);
} else {
  probe.begin();
  await until(() => probe.firstOutputAtMs !== undefined);
  const firstOutputMs = probe.firstOutputAtMs! - startedAt;
  let fromRecords = probe.records;
  let fromMs = performance.now();
  let fullSpeedMs = 0;
  const rates: number[] = [];
  const giveUpMs = performance.now() + 60_000;
  await until(() => {
    const nowMs = performance.now();
    if (nowMs - fromMs < 1000) return false;
    const rate = ((probe.records - fromRecords) * 1000) / (nowMs - fromMs);
    rates.push(Math.round(rate));
    if (rate >= 0.9 * fullRate && fullSpeedMs === 0) fullSpeedMs = fromMs - startedAt;
    fromRecords = probe.records;
    fromMs = nowMs;
    const isRestored = firstCheckpointAtMs !== undefined;
    return (fullSpeedMs > 0 && isRestored) || nowMs > giveUpMs;
  });
  const { stallMs, stallCpuMs, peakRssMb } = probe.measured();
  print('restore', {
    firstOutputMs: Math.round(firstOutputMs),
    fullSpeedMs: Math.round(fullSpeedMs),
    /** Everything is restored before it. */
    firstCheckpointMs: Math.round((firstCheckpointAtMs ?? 0) - startedAt),
    recordsPerSecond: rates,
    stallMs,
    stallCpuMs,
    peakRssMb,
  });
  await execution.cancel();
  process.exit();
}
