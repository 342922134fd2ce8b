import { UserError } from '../../engine/base/errors.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { OneInputDeclaration } from '../data-stream.ts';
import { stateTtl, type TtlOptions } from '../process/state-spec.ts';
import type { StatefulOperatorOptions } from '../stream-graph-builder.ts';
import type { EmitMode } from './changelog-output.ts';
import { type MiniBatchOptions, miniBatchSettings } from './mini-batch.ts';
import { compareBy, type OrderBy } from './order-by.ts';
import type { CreateRanked } from './ranked-output.ts';
import { RetractableTopNOperator } from './retractable-top-n-operator.ts';
import { TopNOperator, type TopNOperatorOptions } from './top-n-operator.ts';
import { TopOneOperator } from './top-one-operator.ts';
import { UpdatableTopNOperator } from './updatable-top-n-operator.ts';

export interface TopNOptions<T> extends StatefulOperatorOptions {
  /** Rows of a key that come out, at least 1. */
  readonly n: number;
  /** What is first. Rows that are equal in it stay in the order in which they came. */
  readonly orderBy: OrderBy<T>;
  /** How a row is stored. */
  readonly schema: Schema<T>;
  /**
   * What the rows that come are. `insertOnly` (default): insertions; retractions fail the job. `changelog`: rows that may be
   * taken back (`-U`, `-D` with the old row); all rows are kept. `upsert`: rows known by `rowKey`, which replace each other
   * and by `orderBy` never move further behind (counts that grow, highest prices); n rows are kept.
   */
  readonly input?: 'insertOnly' | 'changelog' | 'upsert' | undefined;
  /** What tells the rows of a key apart in an `upsert` input. Pure. */
  readonly rowKey?: ((row: T) => Key) | undefined;
  /**
   * `changelog` (default): an update is the old row (`-U`) and the new one (`+U`). `upsert`: the new one only; results are
   * known by key and rank, without rank by their content.
   */
  readonly emit?: EmitMode | undefined;
  /** Holds changes back, so that what changes again is not sent. Default: every change is sent at once. */
  readonly miniBatch?: MiniBatchOptions | undefined;
  /** How long the rows of a key are kept after they last changed; not for a `changelog` input. Default: for good. */
  readonly ttl?: TtlOptions | undefined;
}

/** A row with its place in the order, from 1. */
export type Ranked<T> = T & { readonly rank: number };

/** How a top-N is added to the graph. @throws UserError JOB_DEFINITION for options that do not fit together. */
export function declareTopN<T, R>(
  options: TopNOptions<T> & { readonly withRank?: boolean | CreateRanked<T, R> | undefined },
): OneInputDeclaration<R> {
  const { n, uid, schema, input, rowKey, emit, miniBatch, ttl, withRank } = options ?? {};
  if (!(Number.isInteger(n) && n > 0)) {
    throw new UserError('JOB_DEFINITION', `topN '${uid}' needs the number of rows to keep, found ${n}`, {
      hint: 'Pass { n: 10 }: a positive whole number.',
    });
  }
  if (schema === undefined) {
    throw new UserError('JOB_DEFINITION', `topN '${uid}' keeps rows but has no schema for them`, {
      hint: 'Pass { schema } with the schema of the rows.',
    });
  }
  if ((input === 'upsert') !== (rowKey !== undefined)) {
    throw new UserError('JOB_DEFINITION', `topN '${uid}' needs both an upsert input and a rowKey, or neither`, {
      hint: "Pass { input: 'upsert', rowKey: (row) => row.id } for rows that replace each other.",
    });
  }
  if (input === 'changelog' && ttl !== undefined) {
    throw new UserError('JOB_DEFINITION', `topN '${uid}' keeps all rows of a changelog and has no ttl`, {
      hint: 'Leave out ttl: a row is kept until it is taken back.',
    });
  }
  const settings: TopNOperatorOptions<T, R> = {
    n,
    schema,
    compare: compareBy(options.orderBy, uid),
    createRanked: createRankedOf(withRank),
    emit: emit ?? 'changelog',
    miniBatch: miniBatch === undefined ? undefined : miniBatchSettings(uid, miniBatch),
    ttl: stateTtl({ ttl }),
  };
  return { kind: 'top-n', options, isStateful: true, factory: () => createOperator(settings, input, rowKey) };
}

function createOperator<T, R>(
  settings: TopNOperatorOptions<T, R>,
  input: TopNOptions<T>['input'],
  rowKey: ((row: T) => Key) | undefined,
): StreamOperator<R> {
  if (input === 'changelog') return new RetractableTopNOperator(settings);
  if (rowKey !== undefined) return new UpdatableTopNOperator({ ...settings, rowKey });
  return settings.n === 1 ? new TopOneOperator(settings) : new TopNOperator(settings);
}

function createRankedOf<T, R>(withRank: boolean | CreateRanked<T, R> | undefined): CreateRanked<T, R> | undefined {
  if (typeof withRank === 'function') return withRank;
  return withRank === true ? (row, rank) => ({ ...row, rank }) as unknown as R : undefined;
}
