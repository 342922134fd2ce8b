/** What a run is started with, as JSON in its first argument. */
export interface ScaleOptions {
  /** Holds the checkpoints and the working store. */
  readonly folder: string;
  readonly keyCount: number;
  /** Characters of text in each key's state. */
  readonly textLength: number;
  readonly cacheBytes: number;
  /** See `MemoryPlan`. */
  readonly writeBufferBytes: number;
  readonly checkpointInterval: string;
  readonly steadySeconds: number;
  /** Part of the records, of 1, that go to a fiftieth of the keys; the others to any. */
  readonly hotShare: number;
  /** Records a second before the kill; 0: this run is the one before the kill. */
  readonly fullRate: number;
  /** When the process was started, milliseconds since the epoch. */
  readonly startedAtMs: number;
}
