import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from '../time/timestamps.ts';
import { formatBytes } from './byte-size.ts';
import type { TaskLoadStatus } from '../runtime/task-load-status.ts';
import type { ControlStatus } from './control-server.ts';
import { table } from './table.ts';

/** What a `Date` can hold; the limits of event time lie beyond it. */
const DATE_MS_MAX = 8_640_000_000_000_000;

/** The status of a job for people, a line per matter. Pure. */
export function statusText(job: string, status: ControlStatus): string {
  const { checkpoints } = status;
  const lines: (readonly [string, string])[] = [
    ['job', job],
    ['state', status.state],
    ['attempt', `${status.attempt}, restarted ${status.restartCount} times since the start`],
    ['records', `${status.sourceRecordCount} from the sources in this attempt`],
    ['watermark', watermarkText(status.watermarkMs)],
    ['checkpoints', `${checkpoints.completedCount} complete, ${checkpoints.failedCount} failed`],
  ];
  if (checkpoints.lastCheckpointId !== undefined) {
    const { lastCheckpointId, lastCompletedAtMs, lastBytes, lastDurationMs } = checkpoints;
    const at = lastCompletedAtMs === undefined ? '' : ` at ${timeText(lastCompletedAtMs)}`;
    lines.push(['last', `${lastCheckpointId}${at}: ${formatBytes(lastBytes)} in ${Math.round(lastDurationMs)} ms`]);
  }
  if (status.restoredCheckpointId !== undefined)
    lines.push(['started from', `checkpoint ${status.restoredCheckpointId}`]);
  if (status.lastFailure !== undefined)
    lines.push(['last failure', status.lastFailure.replaceAll('\n', `\n${' '.repeat(14)}`)]);
  const text = lines.map(([name, value]) => `${name.padEnd(14)}${value}`).join('\n');
  const { tasks = [] } = status;
  return tasks.length === 0 ? text : `${text}\n\n${loadTable(tasks)}`;
}

/** Shares of the last second; what is missing to 100 % of busy and back-pressured is idle. */
function loadTable(tasks: readonly TaskLoadStatus[]): string {
  const isThreaded = tasks.some(({ worker }) => worker !== undefined);
  const percent = (ms: number): string => `${Math.round(ms / 10)} %`;
  const rows = tasks.map(({ task, subtaskIndex, worker, busyMs, backPressuredMs, idleMs }) => [
    String(subtaskIndex),
    ...(isThreaded ? [worker === undefined ? '' : String(worker)] : []),
    percent(busyMs),
    percent(backPressuredMs),
    percent(idleMs),
    task,
  ]);
  return table([
    ['subtask', ...(isThreaded ? ['worker'] : []), 'busy', 'back-pressured', 'idle', 'task'],
    ...rows,
  ]).join('\n');
}

function watermarkText(watermarkMs: number): string {
  if (watermarkMs <= MIN_TIMESTAMP_MS) return 'none yet';
  return watermarkMs >= MAX_TIMESTAMP_MS ? 'end of time: all inputs have ended' : timeText(watermarkMs);
}

function timeText(timeMs: number): string {
  return Math.abs(timeMs) <= DATE_MS_MAX ? new Date(timeMs).toISOString() : `${timeMs} ms`;
}
