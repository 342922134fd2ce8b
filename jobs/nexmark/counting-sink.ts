import { UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import type { Sink } from '../../engine/task/sink.ts';

/** Metric of what has reached the sink; rows that were, before an update, are not counted. */
export const OUTPUT_ROWS = 'outputRows';
/** Metrics of when the input had ended and the last row was there: by the clock and by the CPU time of the process, milliseconds. */
export const LAST_ROW_AT_MS = 'lastRowAtMs';
export const LAST_ROW_CPU_MS = 'lastRowCpuMs';

/** Discards rows, and counts them. */
export function countingSink<T>(): Sink<T> {
  return {
    description: 'count',
    createWriter: ({ metrics, environment }) => {
      const rows = metrics.counter(OUTPUT_ROWS);
      return {
        write(_row, _timestampMs, kind): void {
          if (kind !== UPDATE_BEFORE) rows.value++;
        },
        async flush(): Promise<void> {
          const atMs = environment.clock.nowMs();
          const cpuMs = environment.clock.cpuMs();
          metrics.gauge(LAST_ROW_AT_MS, () => atMs);
          metrics.gauge(LAST_ROW_CPU_MS, () => cpuMs);
        },
        prepareCommit: () => Promise.resolve([]),
        close: () => Promise.resolve(),
      };
    },
  };
}
