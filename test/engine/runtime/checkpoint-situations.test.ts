import { expect, test } from 'vitest';
import type { Sink } from '../../../engine/task/sink.ts';
import { defineProcess, long, valueState } from '../../../operators/index.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { startVirtualJob, type VirtualJob } from '../../harness/virtual-job.ts';
import { countsOf, expectedCounts, KEY_COUNT, numbers, runningCount } from './count-job.ts';
import { Keeper, Listener } from './listening-operators.ts';

async function checkpoint(job: VirtualJob): Promise<number> {
  const { manifest } = await job.environment.run(job.execution.triggerCheckpoint());
  return manifest.checkpointId;
}

test('checkpoints are taken while sources have nothing to say', async () => {
  const rows = new CollectedRows<string>();
  const job = startVirtualJob({
    parallelism: 2,
    build(env) {
      // The second record is due an hour after the first.
      numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 1 / 3600 })
        .keyBy((n) => n)
        .process(runningCount)
        .map(String)
        .sinkTo(collectSink({ into: rows }), { uid: 'out' });
    },
  });
  await job.environment.advance(60_000);
  const startMs = job.environment.clock.monotonicMs();
  expect(await checkpoint(job)).toBe(1);
  expect(job.environment.clock.monotonicMs() - startMs).toBeLessThan(5);
  await job.environment.advance(1);
  expect(rows.values()).toEqual(['0:1#0']);
  expect(await checkpoint(job)).toBe(2);
});

test('when some sources have ended the others are still checkpointed, and a restored job ends them again', async () => {
  const rows = new CollectedRows<string>();
  const start = (seed: number, parallelism: number, files?: VirtualJob['files']): VirtualJob =>
    startVirtualJob({
      seed,
      files,
      parallelism,
      build(env) {
        const short = numbers(env, 'short', { countPerSplit: 10 });
        const long = numbers(env, 'long', { countPerSplit: 300, recordsPerSecond: 1000 }).map((n) => n + 10);
        short
          .union(long)
          .keyBy((n) => n % KEY_COUNT)
          .process(runningCount)
          .map(String)
          .sinkTo(collectSink({ into: rows }), { uid: 'out' });
      },
    });
  const first = start(1, 3);
  await first.environment.advance(100);
  expect(await checkpoint(first)).toBe(1);
  const second = start(2, 2, first.files);
  await second.environment.advance(100);
  expect(await checkpoint(second)).toBe(2);
  const third = start(3, 1, first.files);
  await third.environment.run(third.execution.result);
  expect(countsOf(rows.values())).toEqual(countsOf(expectedCounts(310)));
});

test('an operator with two inputs goes on when one of them has ended, and its time is that of the other', async () => {
  const rows = new CollectedRows<string>();
  const job = startVirtualJob({
    parallelism: 2,
    checkpointInterval: 30,
    build(env) {
      const ended = numbers(env, 'ended', { countPerSplit: 5 });
      const going = numbers(env, 'going', { countPerSplit: 300, recordsPerSecond: 1000 });
      ended
        .keyBy(() => 'all')
        .connect(going.keyBy(() => 'all'))
        .process(
          () => ({
            processElement1: (n: number, { timers }) => timers.registerEventTimeTimer(n * 50),
            processElement2: () => {},
            onTimer: (timestampMs, { currentWatermark }, out: { collect(value: string): void }) =>
              out.collect(`${timestampMs} at ${currentWatermark < timestampMs + 250}`),
          }),
          { uid: 'timers' },
        )
        .sinkTo(collectSink({ into: rows }), { uid: 'out' });
    },
  });
  await job.environment.run(job.execution.result);
  expect(rows.values()).toEqual(['0 at true', '50 at true', '100 at true', '150 at true', '200 at true']);
  expect(job.log).toEqual([]);
});

/** A sink that takes nothing while it is closed. */
function gatedSink(rows: CollectedRows<string>) {
  const inner = collectSink<string>({ into: rows });
  let open: (() => void) | undefined;
  let closed: Promise<void> | undefined;
  const sink: Sink<string> = {
    description: 'gated',
    createWriter: (context) => {
      const writer = inner.createWriter(context);
      return {
        write: (value, timestampMs, kind) => writer.write(value, timestampMs, kind),
        blockedUntil: () => closed,
        prepareCommit: (checkpointId) => writer.prepareCommit(checkpointId),
        close: () => writer.close(),
      };
    },
    createCommitter: () => inner.createCommitter!(),
  };
  return {
    sink,
    close: (): void => void (closed ??= new Promise((resolve) => void (open = resolve))),
    open: (): void => {
      closed = undefined;
      open?.();
    },
  };
}

test.each([1, 3])(
  'a sink that is blocked for a while holds back its sources, and a checkpoint waits for it (parallelism %d)',
  async (parallelism) => {
    const rows = new CollectedRows<string>();
    const gate = gatedSink(rows);
    gate.close();
    const job = startVirtualJob({
      parallelism,
      batchRecords: 4,
      build(env) {
        numbers(env, 'left', { countPerSplit: 2000 })
          .union(numbers(env, 'right', { countPerSplit: 2000 }).map((n) => n + 2000))
          .rebalance()
          .flatMap((n) => [n])
          .keyBy((n) => n % KEY_COUNT)
          .process(runningCount)
          .map(String)
          .sinkTo(gate.sink, { uid: 'out' });
      },
    });
    await job.environment.advance(60_000);
    const readWhileBlocked = job.execution.status.sourceRecordCount;
    expect(readWhileBlocked).toBeLessThan(4000);
    const pending = job.execution.triggerCheckpoint();
    await job.environment.advance(60_000);
    expect(job.execution.status.checkpoints.completedCount).toBe(0);
    expect(job.execution.status.sourceRecordCount).toBe(readWhileBlocked);
    gate.open();
    await job.environment.run(pending);
    await job.environment.run(job.execution.result);
    expect(countsOf(rows.values())).toEqual(countsOf(expectedCounts(4000)));
  },
);

test('a sink that is chained to its source may be blocked: the checkpoint does not wait', async () => {
  const rows = new CollectedRows<string>();
  const gate = gatedSink(rows);
  gate.close();
  const job = startVirtualJob({
    build(env) {
      numbers(env, 'numbers', { countPerSplit: 5000 }).map(String).sinkTo(gate.sink, { uid: 'out' });
    },
  });
  await job.environment.advance(1000);
  expect(await checkpoint(job)).toBe(1);
  gate.open();
  await job.environment.run(job.execution.result);
  expect(rows.values()).toEqual(Array.from({ length: 5000 }, (_, n) => String(n)));
});

test('records are committed with the checkpoint they were written before, never earlier', async () => {
  const rows = new CollectedRows<string>();
  const job = startVirtualJob({
    build(env) {
      numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 100 })
        .map(String)
        .sinkTo(collectSink({ into: rows }), { uid: 'out' });
    },
  });
  for (const checkpointId of [1, 2]) {
    const before = rows.values().length;
    await job.environment.advance(1000);
    expect(rows.values()).toHaveLength(before);
    const read = job.execution.status.sourceRecordCount;
    expect(await checkpoint(job)).toBe(checkpointId);
    await job.environment.advance(1);
    expect(rows.values()).toHaveLength(read);
  }
});

test('an operator hears of a checkpoint when it is complete, on every subtask', async () => {
  const heard: string[] = [];
  const rows = new CollectedRows<string>();
  const inner = collectSink<string>({ into: rows });
  const job = startVirtualJob({
    parallelism: 2,
    build(env) {
      numbers(env, 'numbers', { splitCount: 2, countPerSplit: 'unbounded', recordsPerSecond: 100 })
        .transform({
          kind: 'listener',
          options: {},
          isStateful: false,
          factory: () => new Listener(heard),
        })
        .sinkTo(inner, { uid: 'out' });
    },
  });
  await job.environment.advance(50);
  await checkpoint(job);
  await job.environment.advance(1);
  expect(heard.sort()).toEqual(['complete 1 on 0', 'complete 1 on 1', 'snapshot 1 on 0', 'snapshot 1 on 1']);
});

test('state of a subtask is dealt out anew when the parallelism changes: every element once', async () => {
  const opened: string[][] = [];
  const start = (seed: number, parallelism: number, files?: VirtualJob['files']): VirtualJob =>
    startVirtualJob({
      seed,
      files,
      parallelism,
      build(env) {
        numbers(env, 'numbers', { splitCount: 3, countPerSplit: 'unbounded', recordsPerSecond: 300 })
          .transform({
            kind: 'keeper',
            options: { uid: 'keeper' },
            isStateful: true,
            factory: () => new Keeper(opened),
          })
          .sinkTo(collectSink(), { uid: 'out' });
      },
    });
  let job = start(1, 2);
  await job.environment.advance(100);
  await job.environment.run(job.execution.stop());
  const kept = new Set<string>();
  for (const [seed, parallelism] of [
    [2, 3],
    [3, 1],
    [4, 2],
  ] as const) {
    opened.length = 0;
    job = start(seed, parallelism, job.files);
    await job.environment.advance(100);
    expect(opened).toHaveLength(parallelism);
    const restored = opened.flat();
    expect(new Set(restored).size).toBe(restored.length);
    expect(restored.length).toBeGreaterThan(kept.size);
    for (const value of kept) expect(restored).toContain(value);
    for (const value of restored) kept.add(value);
    await job.environment.run(job.execution.stop());
  }
});

test('the final checkpoint of a bounded job names no split and is marked as final', async () => {
  const job = startVirtualJob({
    parallelism: 2,
    build(env) {
      numbers(env, 'numbers', { splitCount: 2 })
        .keyBy((n) => n)
        .process(
          defineProcess({
            uid: 'keep',
            state: { n: valueState(long()) },
            processElement: (n: number, { state }) => state.n.update(n),
          }),
        )
        .sinkTo(collectSink(), { uid: 'out' });
    },
  });
  const { lastCheckpointId } = await job.environment.run(job.execution.result);
  const text = Buffer.from(
    await job.files.read(`/checkpoints/virtual-job/0/chk-${lastCheckpointId}-1.json`),
  ).toString();
  const manifest = JSON.parse(text);
  expect(manifest.isFinal).toBe(true);
  expect(manifest.operators.numbers.subtasks.map((subtask: { splits: unknown }) => subtask.splits)).toEqual([[], []]);
  const pageCounts = manifest.operators.keep.subtasks.flatMap((subtask: { keyedFiles: { pageCount: number }[] }) =>
    subtask.keyedFiles.map((file) => file.pageCount),
  );
  expect(pageCounts.reduce((sum: number, count: number) => sum + count, 0)).toBe(200);
});

test('a checkpoint that expires names the task that holds it up and the channel that is waited for', async () => {
  const gate = gatedSink(new CollectedRows());
  gate.close();
  const job = startVirtualJob({
    checkpointTimeout: '10s',
    batchRecords: 1,
    parallelism: 1,
    build(env) {
      numbers(env, 'numbers', { countPerSplit: 'unbounded' })
        .rebalance()
        .map((n) => n, { name: 'slow-map' })
        .rebalance()
        .map(String, { name: 'text' })
        .sinkTo(gate.sink, { uid: 'out' });
    },
  });
  await job.environment.advance(100);
  const expired = job.execution.triggerCheckpoint();
  expired.catch(() => {}); // Looked at below.
  await job.environment.advance(10_000);
  await expect(expired).rejects.toThrow(
    "checkpoint 1 expired after 10000 ms; not acknowledged by 'slow-map', 'text -> out'",
  );
});
