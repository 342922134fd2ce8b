import type { OnMerge } from './window-assigner.ts';
import type { TimeWindow } from './window.ts';

/** Joins windows that overlap or touch, in order of their starts. Equal windows count once. */
export function mergeTimeWindows(windows: readonly TimeWindow[], onMerge: OnMerge<TimeWindow>): void {
  let merged: TimeWindow | undefined;
  let from: TimeWindow[] = [];
  for (const window of windows.toSorted((a, b) => a.startMs - b.startMs)) {
    if (merged?.intersects(window) === true) {
      merged = merged.cover(window);
      if (!from.some((other) => isEqual(other, window))) from.push(window);
    } else {
      if (merged !== undefined && from.length > 1) onMerge(merged, from);
      merged = window;
      from = [window];
    }
  }
  if (merged !== undefined && from.length > 1) onMerge(merged, from);
}

function isEqual(a: TimeWindow, b: TimeWindow): boolean {
  return a.startMs === b.startMs && a.endMs === b.endMs;
}
