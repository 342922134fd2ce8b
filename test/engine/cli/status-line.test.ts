import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { formatCount, formatWatermark, StatusLine } from '../../../engine/cli/status-line.ts';
import type { JobStatus } from '../../../engine/runtime/job-execution.ts';
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';

const START_MS = Date.UTC(2026, 0, 1);

function createLine(options: { readonly isTerminal: boolean; readonly columns?: number; readonly extra?: string }) {
  const environment = new VirtualEnvironment({ startMs: START_MS });
  const written: string[] = [];
  const status: { -readonly [K in keyof JobStatus]: JobStatus[K] } = {
    state: 'running',
    attempt: 1,
    restartCount: 0,
    lastFailure: undefined,
    sourceRecordCount: 0,
    watermarkMs: MIN_TIMESTAMP_MS,
    restoredCheckpointId: undefined,
    checkpoints: {
      completedCount: 0,
      failedCount: 0,
      lastCheckpointId: undefined,
      lastCompletedAtMs: undefined,
      lastDurationMs: 0,
      lastBytes: 0,
      totalBytes: 0,
      totalDurationMs: 0,
    },
  };
  const line = new StatusLine({
    environment,
    stream: {
      isTTY: options.isTerminal,
      columns: options.columns ?? 200,
      write: (text: string) => written.push(text) > 0,
    } as unknown as NodeJS.WriteStream,
    status: () => status,
    extra: () => options.extra ?? '',
  });
  return { environment, written, status, line };
}

test('on a terminal one line is rewritten twice a second, and cleared at the end', async () => {
  const { environment, written, status, line } = createLine({ isTerminal: true });
  line.start();
  status.sourceRecordCount = 100;
  await environment.advance(500);
  expect(written).toEqual(['\r\u001b[Krunning · 100 events · 200/s · watermark none yet']);
  await environment.advance(1000);
  expect(written).toHaveLength(3);
  line.stop();
  expect(written.at(-1)).toBe('\r\u001b[K');
  await environment.advance(5000);
  expect(written).toHaveLength(4);
});

test('elsewhere a plain line comes every ten seconds', async () => {
  const { environment, written, status, line } = createLine({ isTerminal: false, extra: 'matched 97.1 %' });
  line.start();
  status.sourceRecordCount = 1_234_567;
  status.watermarkMs = START_MS - 30_000;
  status.restartCount = 2;
  status.checkpoints = {
    ...status.checkpoints,
    lastCheckpointId: 7,
    lastCompletedAtMs: START_MS + 4000,
    lastDurationMs: 123.4,
    lastBytes: 2048,
  };
  await environment.advance(10_000);
  expect(written).toEqual([
    'running · 1.23 M events · 123.5 k/s · watermark 2025-12-31T23:59:30Z (lag 40s) · ' +
      'checkpoint 7 6s ago (2 kB, 123 ms) · 2 restarts · matched 97.1 %\n',
  ]);
});

test('a line that is too long for the terminal is cut, not wrapped', async () => {
  const { environment, written, line } = createLine({ isTerminal: true, columns: 20 });
  line.start();
  await environment.advance(500);
  expect(written[0]).toBe('\r\u001b[Krunning · 0 events ');
});

test('the rate follows the source smoothly and does not go below zero after a restart', async () => {
  const { environment, written, status, line } = createLine({ isTerminal: true });
  line.start();
  const rateOf = (text: string): string => / ([^ ]+)\/s/.exec(text)![1]!;
  status.sourceRecordCount = 500;
  await environment.advance(500);
  status.sourceRecordCount = 1500;
  await environment.advance(500);
  // 1000/s, then 2000/s at weight 0.4.
  expect(written.map(rateOf)).toEqual(['1000', '1400']);
  status.attempt = 2;
  status.sourceRecordCount = 100;
  await environment.advance(500);
  expect(rateOf(written.at(-1)!)).toBe('920');
});

test.each([
  [0, '0'],
  [9999, '9999'],
  [10_000, '10.0 k'],
  [4_561_000, '4.56 M'],
])('%d is shown as %s', (count, text) => {
  expect(formatCount(count)).toBe(text);
});

test.each([
  [MIN_TIMESTAMP_MS, 'none yet'],
  [MAX_TIMESTAMP_MS, 'end of input'],
  [START_MS - 119_000, '2025-12-31T23:58:01Z (lag 119s)'],
  [START_MS - 120_000, '2025-12-31T23:58:00Z (lag 2m)'],
  [START_MS - 7_200_000, '2025-12-31T22:00:00Z (lag 2h)'],
  [START_MS - 172_800_000, '2025-12-30T00:00:00Z (lag 2d)'],
  [START_MS + 5000, '2026-01-01T00:00:05Z (lag 0s)'],
  // Before the year 1 and after 9999 there is no such text.
  [-8_640_000_000_000_001, 'none yet'],
  [8_640_000_000_000_001, 'end of input'],
])('watermark %d is shown as %s', (watermarkMs, text) => {
  expect(formatWatermark(watermarkMs, START_MS)).toBe(text);
});
