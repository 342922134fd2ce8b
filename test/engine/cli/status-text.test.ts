import { expect, test } from 'vitest';
import type { ControlStatus } from '../../../engine/cli/control-server.ts';
import { statusText } from '../../../engine/cli/status-text.ts';
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';

const STATUS: ControlStatus = {
  state: 'running',
  attempt: 3,
  restartCount: 2,
  sourceRecordCount: 81_600,
  watermarkMs: Date.UTC(2026, 0, 1, 10),
  restoredCheckpointId: 6,
  lastFailure: 'task failed [USER_FUNCTION]\nhint: look at it',
  checkpoints: {
    completedCount: 4,
    failedCount: 1,
    lastCheckpointId: 10,
    lastCompletedAtMs: Date.UTC(2026, 0, 1, 11),
    lastDurationMs: 204.6,
    lastBytes: 1_900_000,
    totalBytes: 4_000_000,
    totalDurationMs: 800,
  },
};

test('the status of a job in lines', () => {
  expect(statusText('clicks', STATUS)).toMatchInlineSnapshot(`
    "job           clicks
    state         running
    attempt       3, restarted 2 times since the start
    records       81600 from the sources in this attempt
    watermark     2026-01-01T10:00:00.000Z
    checkpoints   4 complete, 1 failed
    last          10 at 2026-01-01T11:00:00.000Z: 1.8 MB in 205 ms
    started from  checkpoint 6
    last failure  task failed [USER_FUNCTION]
                  hint: look at it"
  `);
});

test('what the subtasks spend their time on stands in a table', () => {
  const load = { worker: 0, busyMs: 254, backPressuredMs: 700, idleMs: 46 };
  const tasks = [
    { task: 'clicks -> parse', subtaskIndex: 0, ...load },
    { task: 'clicks -> parse', subtaskIndex: 1, ...load, worker: 1, busyMs: 1000, backPressuredMs: 0, idleMs: 0 },
  ];
  expect(statusText('clicks', { ...STATUS, tasks }).split('\n\n')[1]).toMatchInlineSnapshot(`
    "subtask  worker  busy   back-pressured  idle  task
    0        0       25 %   70 %            5 %   clicks -> parse
    1        1       100 %  0 %             0 %   clicks -> parse"
  `);
});

test('the ends of event time are said in words', () => {
  expect(statusText('clicks', { ...STATUS, watermarkMs: MIN_TIMESTAMP_MS })).toContain('watermark     none yet');
  expect(statusText('clicks', { ...STATUS, watermarkMs: MAX_TIMESTAMP_MS })).toContain('watermark     end of time');
});
