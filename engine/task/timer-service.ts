import type { Namespace } from '../../state/keyed/key.ts';

/**
 * Timers of the current key and the clocks of the operator. One timer per (key, namespace, timestamp, domain):
 * registering twice fires once; deleting needs the exact timestamp. An event-time timer fires when the watermark reaches
 * it, one registered for a past time at the next watermark; a processing-time timer when the clock reaches it.
 */
export interface TimerService {
  /** The operator's combined input watermark, milliseconds; MIN_TIMESTAMP_MS before the first. */
  currentWatermarkMs(): number;
  currentProcessingTimeMs(): number;
  registerEventTimeTimer(namespace: Namespace, timestampMs: number): void;
  deleteEventTimeTimer(namespace: Namespace, timestampMs: number): void;
  registerProcessingTimeTimer(namespace: Namespace, timestampMs: number): void;
  deleteProcessingTimeTimer(namespace: Namespace, timestampMs: number): void;
  /**
   * Calls back at a processing time without a key, on the task's thread; not part of any checkpoint. For periodic work of
   * an operator (watermark probes, flushes).
   */
  schedule(timestampMs: number, callback: (timestampMs: number) => void): { cancel(): void };
}
