import { expect, test } from 'vitest';
import type { StreamExecutionEnvironment } from '../../../operators/index.ts';
import { boolean, defineProcess, valueState } from '../../../operators/index.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { startVirtualJob, type VirtualJob } from '../../harness/virtual-job.ts';
import { numbers } from './count-job.ts';
import { slowSink } from './slow-sink.ts';

/** What a sink gets at once, with the time since the start at which it got it. */
function timed(build: (env: StreamExecutionEnvironment, rows: CollectedRows<string>) => void, options: object = {}) {
  const rows = new CollectedRows<string>();
  const job = startVirtualJob({ build: (env) => build(env, rows), ...options });
  return { ...job, rows };
}

const alarm = defineProcess({
  uid: 'alarm',
  processElement(n: number, { timers, currentProcessingTime }) {
    timers.registerProcessingTimeTimer(currentProcessingTime + 1000);
    if (n === 3) timers.deleteProcessingTimeTimer(currentProcessingTime + 1000);
  },
  onTimer(timestampMs, { currentKey, timeDomain, currentProcessingTime }, out: { collect(value: string): void }) {
    out.collect(`${currentKey} ${timeDomain} ${currentProcessingTime - timestampMs}`);
  },
});

const alarms = (env: StreamExecutionEnvironment, rows: CollectedRows<string>): void => {
  numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 1 })
    .keyBy((n) => n)
    .process(alarm)
    .sinkTo(collectSink({ into: rows, visibility: 'immediately' }), { uid: 'out' });
};

test('processing-time timers fire when the clock has passed them, in order, and not when deleted', async () => {
  const job = timed(alarms, { parallelism: 3 });
  await job.environment.advance(1_000);
  expect(job.rows.values()).toEqual([]);
  await job.environment.advance(1);
  expect(job.rows.values()).toEqual(['0 processingTime 1']);
  await job.environment.advance(5_000);
  expect(job.rows.values().map((row) => row.split(' ')[0])).toEqual(['0', '1', '2', '4', '5']);
});

test('processing-time timers outlive a restart; those that are overdue fire at once', async () => {
  const job = timed(alarms);
  await job.environment.advance(500);
  await job.environment.run(job.execution.stop());
  const later = job.environment.clock.nowMs() + 60_000;
  const next = timed(alarms, { files: job.files, seed: 2, startMs: later, parallelism: 2 });
  await next.environment.advance(10);
  expect(next.rows.values()).toEqual(['0 processingTime 59500']);
});

test('the end of input does not wait for processing-time timers, and none fires after it', async () => {
  const job = timed((env, rows) => {
    numbers(env, 'numbers', { countPerSplit: 5 })
      .keyBy((n) => n)
      .process(alarm)
      .sinkTo(collectSink({ into: rows, visibility: 'immediately' }), { uid: 'out' });
    numbers(env, 'other', { countPerSplit: 'unbounded', recordsPerSecond: 1 }).sinkTo(collectSink(), { uid: 'rest' });
  });
  await job.environment.advance(10_000);
  expect(job.rows.values()).toEqual([]);
  expect(job.execution.status.state).toBe('running');
});

test('state with a processing-time time-to-live expires by the clock alone', async () => {
  const job = timed((env, rows) => {
    numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 1 })
      .keyBy(() => 'all')
      .process(
        defineProcess({
          uid: 'seldom',
          state: { seen: valueState(boolean(), { ttl: { processingTime: '2500ms' } }) },
          processElement(n: number, { state }, out) {
            if (state.seen.value() === true) return;
            state.seen.update(true);
            out.collect(String(n));
          },
        }),
      )
      .sinkTo(collectSink({ into: rows, visibility: 'immediately' }), { uid: 'out' });
  });
  await job.environment.advance(9_500);
  expect(job.rows.values()).toEqual(['0', '3', '6', '9']);
});

/** Two sources, the second one almost silent. Emits the time of each record when the watermark has passed it. */
function silentPartner(
  env: StreamExecutionEnvironment,
  rows: CollectedRows<string>,
  options: { readonly idleness: string; readonly isSlow?: boolean },
): void {
  const { idleness, isSlow = false } = options;
  const talking = numbers(env, 'talking', { countPerSplit: 'unbounded', recordsPerSecond: 100 });
  const silent = numbers(env, 'silent', {
    countPerSplit: 'unbounded',
    // Two records, and then none for an hour. The second one fills the channel behind it.
    dueMs: (_split, index) => [0, 3_000][index] ?? 3_600_000,
    idleness,
  }).flatMap((n) => new Array<number>(n === 0 ? 1 : 6).fill(n));
  if (isSlow)
    silent
      .rebalance()
      .map(String)
      .sinkTo(slowSink<string>(1000, { visibility: 'immediately' }), { uid: 'slow' });
  talking
    .union(silent)
    .keyBy(() => 'all')
    .process(
      defineProcess({
        uid: 'after',
        processElement: (n: number, { timers }) => timers.registerEventTimeTimer(n + 5),
        onTimer: (timestampMs, _context, out) => out.collect(String(timestampMs)),
      }),
    )
    .sinkTo(collectSink({ into: rows, visibility: 'immediately' }), { uid: 'out' });
}

test('a silent source holds the watermark back until it counts as idle', async () => {
  const job = timed((env, rows) => silentPartner(env, rows, { idleness: '10s' }));
  await job.environment.advance(13_000);
  expect(job.rows.values()).toEqual([]);
  await job.environment.advance(1_000);
  expect(job.rows.values().length).toBeGreaterThan(900);
});

test('a source that was held back with nothing to read turns idle when it is not any more', async () => {
  const job = timed((env, rows) => silentPartner(env, rows, { isSlow: true, idleness: '5s' }), { batchRecords: 1 });
  // Its second record comes at 3 s and has gone through at 8 s; it is idle 5 s later.
  await job.environment.advance(7_000);
  expect(job.rows.values()).toEqual([]);
  await job.environment.advance(7_000);
  expect(job.rows.values().length).toBeGreaterThan(500);
});

test('event-time timers fire in order of time, before the watermark goes on, whatever is in between', async () => {
  const job = timed(
    (env, rows) => {
      const ticks = numbers(env, 'numbers', { countPerSplit: 3000, splitCount: 2 });
      ticks
        .keyBy((n) => n % 10)
        .process(
          defineProcess({
            uid: 'first',
            processElement: (n: number, { timers }) => timers.registerEventTimeTimer((n % 10_000) + 50),
            onTimer: (timestampMs, _context, out: { collect(value: number): void }) => out.collect(timestampMs),
          }),
        )
        .keyBy(() => 'all')
        .process(
          defineProcess({
            uid: 'second',
            processElement(n: number, { currentWatermark, timestamp }, out) {
              out.collect(currentWatermark < n && timestamp === n ? 'in time' : `${n} is late at ${currentWatermark}`);
            },
          }),
        )
        .sinkTo(collectSink({ into: rows, visibility: 'immediately' }), { uid: 'out' });
    },
    { parallelism: 2, batchRecords: 8 },
  );
  await job.environment.run(job.execution.result);
  // Splits 0 and 1 have the same times and, by key, the same timers.
  expect(job.rows.values()).toEqual(new Array(3000).fill('in time'));
});

test('the watermark of a job is told, and is MAX at its end', async () => {
  const job: VirtualJob = startVirtualJob({
    build: (env) =>
      numbers(env, 'numbers', { countPerSplit: 1000, recordsPerSecond: 1000 }).sinkTo(collectSink(), { uid: 'out' }),
  });
  await job.environment.advance(500);
  const { watermarkMs } = job.execution.status;
  expect(watermarkMs).toBeGreaterThan(100);
  expect(watermarkMs).toBeLessThan(500);
  await job.environment.run(job.execution.result);
});

test('a record goes through the whole job at once, however many tasks lie on its way', async () => {
  const job = timed(
    (env, rows) => {
      let stream = numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 1 });
      for (let i = 0; i < 4; i++) stream = stream.rebalance().map((n) => n + 1);
      stream.map(String).sinkTo(collectSink({ into: rows, visibility: 'immediately' }), { uid: 'out' });
    },
    { parallelism: 2 },
  );
  await job.environment.advance(0);
  expect(job.rows.values()).toEqual(['4']);
  await job.environment.advance(1_000);
  expect(job.rows.values()).toEqual(['4', '5']);
});
