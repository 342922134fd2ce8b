import type { Duration } from '../time/duration.ts';

/** Options of a whole job; flags of the command line override them. */
export interface JobOptions {
  /** Default 1. */
  readonly parallelism?: number | undefined;
  /** Number of key groups, fixed for the life of the state. Default 32768. */
  readonly maxParallelism?: number | undefined;
  /** Default: none are taken; on the command line 10 s. */
  readonly checkpointInterval?: Duration | undefined;
  /** A checkpoint that takes longer is given up. Default 10 min. */
  readonly checkpointTimeout?: Duration | undefined;
  /** Time between the end of a checkpoint and the start of the next, at least. Default 0. */
  readonly checkpointMinPause?: Duration | undefined;
  /** Failed checkpoints in a row before the job restarts. Default 5. */
  readonly tolerableFailedCheckpoints?: number | undefined;
  /** Complete checkpoints kept. Default 3, so that a corrupt newest one has others behind it. */
  readonly retainedCheckpoints?: number | undefined;
  /** What happens after a failure. Default: `exponential-delay`. */
  readonly restart?: RestartStrategyOptions | undefined;
  /**
   * How far the sources that feed one join may run ahead of each other, in event time; false: as far as they like. A
   * source's own `withWatermarkAlignment` or `withoutWatermarkAlignment` wins. Default 1 minute.
   */
  readonly watermarkAlignment?: Duration | false | undefined;
}

/**
 * How often a job that fails is started again, and after which delay. What is left out is as in Flink: `fixed-delay` 1 attempt
 * after 1 s; `failure-rate` 1 failure a minute, delay 1 s; `exponential-delay` from 1 s to 1 min, × 1.5, jitter 0.1, anew
 * after an hour without failure.
 */
export type RestartStrategyOptions =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed-delay'; readonly attempts?: number | undefined; readonly delay?: Duration | undefined }
  | {
      readonly kind: 'failure-rate';
      readonly failures?: number | undefined;
      readonly interval?: Duration | undefined;
      readonly delay?: Duration | undefined;
    }
  | {
      readonly kind: 'exponential-delay';
      readonly initial?: Duration | undefined;
      readonly max?: Duration | undefined;
      readonly multiplier?: number | undefined;
      readonly jitter?: number | undefined;
      readonly resetAfter?: Duration | undefined;
    };
