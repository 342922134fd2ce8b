import { MAX_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';

/** A bucket that an assigner puts records of a key into. */
export interface Window {
  /** The last timestamp that belongs to the window: it fires when the watermark reaches this. */
  readonly maxTimestampMs: number;
}

/** The window from `startMs` (inclusive) to `endMs` (exclusive). */
export class TimeWindow implements Window {
  readonly startMs: number;
  readonly endMs: number;

  constructor(startMs: number, endMs: number) {
    this.startMs = startMs;
    this.endMs = endMs;
  }

  /** At most the largest timestamp: a window that reaches beyond it ends with the input. */
  get maxTimestampMs(): number {
    return this.endMs > MAX_TIMESTAMP_MS ? MAX_TIMESTAMP_MS : this.endMs - 1;
  }

  /** Whether the windows overlap or touch. */
  intersects(other: TimeWindow): boolean {
    return this.startMs <= other.endMs && this.endMs >= other.startMs;
  }

  /** The smallest window that holds both. */
  cover(other: TimeWindow): TimeWindow {
    return new TimeWindow(Math.min(this.startMs, other.startMs), Math.max(this.endMs, other.endMs));
  }
}

/** The one window that holds everything. */
export class GlobalWindow implements Window {
  static readonly INSTANCE: GlobalWindow = new GlobalWindow();

  get maxTimestampMs(): number {
    return MAX_TIMESTAMP_MS;
  }
}

/** Start of the aligned window of `sizeMs` that holds `timestampMs`; windows begin at `offsetMs` modulo the size. */
export function windowStartMs(timestampMs: number, offsetMs: number, sizeMs: number): number {
  const remainder = (timestampMs - offsetMs) % sizeMs;
  // The remainder has the sign of the dividend.
  return remainder < 0 ? timestampMs - (remainder + sizeMs) : timestampMs - remainder;
}
