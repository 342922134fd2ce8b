import { UserError } from '../../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../../engine/time/duration.ts';

/**
 * Holds a partition's file open across checkpoints until one of the limits is reached, looked at when a checkpoint comes;
 * its rows are kept in checkpoint storage meanwhile, and readers see them when the file is closed. At the end of the
 * input every file is closed.
 */
export interface RollPolicy {
  readonly rows?: number | undefined;
  /** Bytes of the file, about. */
  readonly bytes?: number | undefined;
  /** Since the first row. */
  readonly age?: Duration | undefined;
}

/** `RollPolicy` with all limits set. */
export interface RollLimits {
  readonly rows: number;
  readonly bytes: number;
  readonly ageMs: number;
}

/** @throws UserError CONFIGURATION for a policy without limits, or with one that is not above 0. */
export function rollLimitsOf(description: string, policy: RollPolicy): RollLimits {
  const limits: RollLimits = {
    rows: policy.rows ?? Infinity,
    bytes: policy.bytes ?? Infinity,
    ageMs: policy.age === undefined ? Infinity : durationMs(policy.age),
  };
  const values = Object.values(limits) as number[];
  if (values.every((value) => value > 0) && values.some((value) => value < Infinity)) return limits;
  throw new UserError(
    'CONFIGURATION',
    `${description}: expected a rollPolicy with rows, bytes or age above 0, found ${JSON.stringify(policy)}`,
    {
      hint: 'Leave rollPolicy out to close files at every checkpoint.',
    },
  );
}
