import { UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import type { Sink } from '../../engine/task/sink.ts';

/** Metric of what has reached the sink; rows that were, before an update, are not counted. */
export const OUTPUT_ROWS = 'outputRows';

/** Discards rows, and counts them. */
export function countingSink<T>(): Sink<T> {
  return {
    description: 'count',
    createWriter: ({ metrics }) => {
      const rows = metrics.counter(OUTPUT_ROWS);
      return {
        write(_row, _timestampMs, kind): void {
          if (kind !== UPDATE_BEFORE) rows.value++;
        },
        prepareCommit: () => Promise.resolve([]),
        close: () => Promise.resolve(),
      };
    },
  };
}
