import type { TtlOptions } from '../process/state-spec.ts';
import type { StatefulOperatorOptions } from '../stream-graph-builder.ts';
import type { EmitMode } from '../updating/changelog-output.ts';
import type { MiniBatchOptions } from '../updating/mini-batch.ts';

export interface GroupAggregateOptions extends StatefulOperatorOptions {
  /**
   * `changelog`: an update is two rows, `-U` with the old result and `+U` with the new one. `upsert`: only `+U`, for sinks
   * and operators that know a group by its key. Default `changelog`.
   */
  readonly emit?: EmitMode | undefined;
  /**
   * What the rows that come are. `insertOnly`: insertions; retractions fail the job. `changelog`: rows that may be taken back
   * (`-U`, `-D`), so that it is counted how many a key has. Default: `changelog` for a function of one's own that has a
   * `retract`, else `insertOnly`.
   */
  readonly input?: 'insertOnly' | 'changelog' | undefined;
  /** Folds the updates of a key for a while, and emits them as one. Default: every row is answered at once. */
  readonly miniBatch?: MiniBatchOptions | undefined;
  /**
   * Aggregates in front of the shuffle too, so that a batch of a key crosses it as one partial result: for keys with many
   * rows. Needs `miniBatch` and an aggregate function with `merge`. May be changed between runs. Default false.
   */
  readonly twoPhase?: boolean | undefined;
  /**
   * Counts different values (`countDistinct`) where each value is, spread over all subtasks and in state of its own, instead
   * of in one accumulator of its group: for groups with many of them. The work in front of the shuffle is as with
   * `twoPhase`. Needs `miniBatch` and a function made by `aggregates(...)`. Between two watermarks the columns of a row may
   * be of different moments. Default false.
   */
  readonly splitDistinct?: boolean | undefined;
  /** How long a group is kept that gets no rows. Default: for ever. */
  readonly ttl?: TtlOptions | undefined;
}
