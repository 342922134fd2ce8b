import { UserError } from '../../engine/base/errors.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { OneInputDeclaration } from '../data-stream.ts';
import { stateTtl, type TtlOptions } from '../process/state-spec.ts';
import type { StatefulOperatorOptions } from '../stream-graph-builder.ts';
import type { EmitMode } from './changelog-output.ts';
import {
  ChangelogDeduplicateOperator,
  type DeduplicateSettings,
  FirstArrivalOperator,
  type TimeOf,
  UpsertDeduplicateOperator,
} from './deduplicate-operators.ts';
import { type MiniBatchOptions, miniBatchSettings } from './mini-batch.ts';

export interface DeduplicateOptions<T> extends StatefulOperatorOptions {
  /** Which record of a key comes out. */
  readonly keep: 'first' | 'last';
  /**
   * What is first and last: `arrival` (default), `eventTime` by the records' timestamps, or a function that gives a whole
   * number of milliseconds. Of equal times the one that came first, or last.
   */
  readonly orderBy?: 'arrival' | 'eventTime' | ((row: T) => number) | undefined;
  /** How the record is stored. Needed where it is sent again: for a `changelog` of updates. */
  readonly schema?: Schema<T> | undefined;
  /**
   * `changelog` (default): when another record takes the place of the one that came out, that one comes out as `-U` and the
   * new one as `+U`. `upsert`: the new one only; what is kept is a time per key then. The first record by arrival is never
   * replaced: both are the same.
   */
  readonly emit?: EmitMode | undefined;
  /** Holds updates back, so that what is updated again is not sent. Default: every update is sent at once. */
  readonly miniBatch?: MiniBatchOptions | undefined;
  /** After how long without a record that is kept a key is forgotten: its next record is a first one. Default: never. */
  readonly ttl?: TtlOptions | undefined;
}

/** How a deduplication is added to the graph. @throws UserError JOB_DEFINITION for options that do not fit together. */
export function declareDeduplicate<T>(options: DeduplicateOptions<T>): OneInputDeclaration<T> {
  const { uid, keep, orderBy = 'arrival', schema, emit = 'changelog', miniBatch, ttl } = options ?? {};
  if (keep !== 'first' && keep !== 'last') {
    throw new UserError(
      'JOB_DEFINITION',
      `deduplicate '${uid}' needs to know which record of a key to keep, found ${JSON.stringify(keep)}`,
      { hint: "Pass { keep: 'first' } or { keep: 'last' }." },
    );
  }
  const declare = (factory: () => StreamOperator<T>): OneInputDeclaration<T> => ({
    kind: 'deduplicate',
    options,
    isStateful: true,
    factory,
  });
  const stateTtlOrNone = stateTtl({ ttl });
  if (keep === 'first' && orderBy === 'arrival') return declare(() => new FirstArrivalOperator<T>(stateTtlOrNone));
  const settings: DeduplicateSettings<T> = {
    keep,
    timeOf: timeOf(orderBy),
    emit,
    miniBatch: miniBatch === undefined ? undefined : miniBatchSettings(uid, miniBatch),
    ttl: stateTtlOrNone,
  };
  if (emit === 'upsert') return declare(() => new UpsertDeduplicateOperator<T>(settings));
  if (schema === undefined) {
    throw new UserError('JOB_DEFINITION', `deduplicate '${uid}' keeps records but has no schema for them`, {
      hint: "Pass { schema } with the schema of the records, or { emit: 'upsert' } if what follows needs no -U.",
    });
  }
  return declare(() => new ChangelogDeduplicateOperator<T>({ ...settings, schema }));
}

function timeOf<T>(orderBy: NonNullable<DeduplicateOptions<T>['orderBy']>): TimeOf<T> {
  if (orderBy === 'arrival') return undefined;
  return orderBy === 'eventTime' ? (_row, timestampMs) => timestampMs : orderBy;
}
