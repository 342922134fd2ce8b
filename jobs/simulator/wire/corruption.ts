import type { Trouble } from '../log/slot-plan.ts';

const BAD_TIMESTAMPS = ['yesterday', '2026-13-45T99:00:00Z', '2026-01-01 00:00:00', '12:30', 'NaN'] as const;

/** The text that a row with this trouble has instead of its timestamp; undefined: the timestamp is good. */
export function badTimestampOf(trouble: Trouble, index: number): string | undefined {
  return trouble === 'badTimestamp' ? BAD_TIMESTAMPS[index % BAD_TIMESTAMPS.length] : undefined;
}

/** The first part of a row: a writer died, a line was cut. */
export function cutText(text: string): string {
  return text.slice(0, Math.floor(text.length * 0.4));
}
