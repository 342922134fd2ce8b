import type { Key, Namespace } from './key.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import type { NamespacedState, StateDescriptor, StateOf } from './state.ts';

/**
 * All state and timers of one keyed operator subtask: its key pages, in a cache above a `PageStore`.
 *
 * Life of a batch: `prepare` makes the pages of a run of records resident and pins them; `select(i)` makes record i's
 * page current; state handles then read and write it synchronously. Everything else (eviction, spilling, delta files)
 * happens behind.
 */
export interface KeyedStateBackend {
  /**
   * Declares a state and returns its handle. Only before the first record.
   *
   * @throws UserError STATE_INCOMPATIBLE when restored state under this name has a schema that does not resolve.
   */
  state<D extends StateDescriptor>(descriptor: D): StateOf<D> & NamespacedState;
  /** The states declared so far, for the manifest. */
  readonly descriptors: readonly StateDescriptor[];

  /**
   * Makes the pages of `keys[from .. end)` resident and pins them until the next call.
   *
   * @returns the end, at most `to` and more than `from` (a small cache takes a long batch in several runs); a promise of
   * it when pages have to be fetched.
   */
  prepare(keys: readonly Key[], from: number, to: number): number | Promise<number>;
  /**
   * Says that `keys[from .. to)` will be prepared soon: pages that are far away are fetched meanwhile, as far as there is room.
   * Changes nothing else, and nobody waits for it.
   */
  prefetch?(keys: readonly Key[], from: number, to: number): void;
  /** Makes the page of the i-th key of the prepared batch current; `i` is an index into the `keys` given to `prepare`. */
  select(index: number): void;
  /** Makes any key's page current; fetches it with a blocking read when it is not resident. For tools, tests, rare paths. */
  setCurrentKey(key: Key): void;
  /** Throws UserError JOB_DEFINITION when there is no current key. */
  currentKey(): Key;
  clearCurrentKey(): void;
  /**
   * Makes every key that has any state or timers current, one after the other, with blocking reads, and calls back; what
   * the callback changes is kept. In no particular order; there is no current key afterwards. For rare work over all keys.
   */
  forEachKey(visit: (key: Key) => void): void;
  /**
   * What a declared state holds for a key, as plain values, by namespace where it has any (see `ContentsOf`); undefined when
   * nothing. Touches nothing: no current key, no refresh of time-to-live, no clean-up. With a blocking read when it has to be.
   */
  inspect(key: Key, stateName: string): unknown;

  /**
   * Resolves when all state is there: it may be restored while it is in use. `prepare` and timers wait for what they need by
   * themselves; everything else must wait for this.
   */
  whenRestored?(): Promise<void>;

  // Timers of the current key: one per (key, namespace, timestamp, domain).
  registerEventTimeTimer(namespace: Namespace, timestampMs: number): void;
  deleteEventTimeTimer(namespace: Namespace, timestampMs: number): void;
  registerProcessingTimeTimer(namespace: Namespace, timestampMs: number): void;
  deleteProcessingTimeTimer(namespace: Namespace, timestampMs: number): void;
  /**
   * Fires due event-time timers (timestamp <= `watermarkMs`) in timestamp order, current key set, at most about
   * `countMax` of them. A timer registered in the callback for a time <= `watermarkMs` fires in the same sweep.
   *
   * @returns true when nothing due is left, false when the limit was reached; a promise when pages have to be fetched.
   */
  fireEventTimeTimers(watermarkMs: number, countMax: number, onTimer: OnTimer): boolean | Promise<boolean>;
  fireProcessingTimeTimers(nowMs: number, countMax: number, onTimer: OnTimer): boolean | Promise<boolean>;
  /** The earliest processing-time timer, or undefined. The task schedules its wake-up by it. */
  nextProcessingTimeTimerMs(): number | undefined;
  eventTimeTimerCount(): number;
  processingTimeTimerCount(): number;

  /** The clocks that time-to-live reads. */
  setWatermark(watermarkMs: number): void;
  setProcessingTime(nowMs: number): void;

  /**
   * Takes the state as it is now. The call itself is short (it encodes the dirty pages of the decoded tier); the promise
   * writes the delta file to checkpoint storage while processing goes on. At most one runs at a time.
   *
   * @returns the complete list of files that together hold the state, oldest first.
   */
  snapshot(options: SnapshotOptions): Promise<readonly StateFile[]>;
  /** Number of keys with any state, resident or not. For tests and metrics. */
  pageCount(): number;
  /** Bytes in the decoded tier, in the encoded tier, and in the store's own memory. */
  memoryBytes(): { readonly decoded: number; readonly encoded: number; readonly store: number };
  close(): Promise<void>;
}

export type OnTimer = (timestampMs: number, namespace: Namespace) => void;

export interface SnapshotOptions {
  readonly checkpointId: number;
  /** True writes everything into one self-contained file: savepoints. */
  readonly isFull: boolean;
  /** Key prefix for new files in checkpoint storage, without a trailing slash. */
  readonly filePrefix: string;
}
