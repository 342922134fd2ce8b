import { UserError } from '../../engine/base/errors.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { OneInputDeclaration } from '../data-stream.ts';
import type { JoinType } from '../join/outer-interval-join-operator.ts';
import { stateTtl, type TtlOptions } from '../process/state-spec.ts';
import type { StatefulOperatorOptions } from '../stream-graph-builder.ts';
import type { JoinSideSettings } from './join-side.ts';
import { RegularJoinOperator, type SidesOfOneInput } from './regular-join-operator.ts';

/** What is known about one side of a regular join. The less its rows can do, the less has to be kept. */
export interface RegularJoinSide<T> {
  /**
   * How a row is stored: a `pick(...)` of the fields that the join function and the conditions read keeps state small. They
   * must read no others, as those are gone once the row was stored.
   */
  readonly schema: Schema<T>;
  /**
   * There is at most one row per key at any time: a row that comes while there is one replaces it (so this side may be an
   * upsert stream), and a deletion takes whatever there is. Keeps one value instead of a list. Default false.
   */
  readonly unique?: boolean | undefined;
  /**
   * This side only inserts: no row is ever taken back or replaced; one that is fails the job. Default false.
   *
   * Together with `unique` it means that a key has one row for good. Rows of the **other** side that have met it are then
   * not kept: those that come after it are joined and forgotten, those that came before are kept until it comes.
   */
  readonly insertOnly?: boolean | undefined;
  /**
   * A condition on rows of this side alone: those for which it does not hold have no partner. Like a filter before the join
   * (or a part of `ON` in an outer one), but a side that is `unique` and `insertOnly` still remembers that such a row was
   * there, in one byte, so that rows of the other side need not wait for it. Pure. Default: all rows may have partners.
   */
  readonly filter?: ((row: T) => boolean) | undefined;
  /**
   * How long a row is kept at least; by default from when it came. Where partners are counted (the outer side) or rows are
   * taken back, a change of one row of a key starts it anew for those beside it. Default: for good.
   */
  readonly ttl?: TtlOptions | undefined;
}

/** A row of a side that an outer join pads. */
type LeftOf<L, Y> = Y extends 'right' | 'full' ? L | undefined : L;
type RightOf<R, Y> = Y extends 'left' | 'full' ? R | undefined : R;

/** Makes a result of two partners; `undefined` stands for the side that is missing. Pure: it is called again to take a result back. */
export type RegularJoinFunction<L, R, OUT, Y extends JoinType> = (left: LeftOf<L, Y>, right: RightOf<R, Y>) => OUT;

export interface RegularJoinOptions<L, R, Y extends JoinType> extends StatefulOperatorOptions {
  readonly left: RegularJoinSide<L>;
  readonly right: RegularJoinSide<R>;
  /** Which rows without partner come out, padded with `undefined`. Default `inner`: none. */
  readonly type?: Y | undefined;
  /** A further condition on two rows of equal keys. Pure. Default: all rows of a key are partners. */
  readonly where?: ((left: L, right: R) => boolean) | undefined;
}

/** A side of a join of one stream with itself. */
export interface SelfJoinSide<T, S> extends RegularJoinSide<S> {
  /** Which records are rows of this side; a record may be on both, or on none. Pure. */
  readonly is: (record: T) => boolean;
}

export interface SelfJoinOptions<T, L, R, Y extends JoinType> extends RegularJoinOptions<L, R, Y> {
  readonly left: SelfJoinSide<T, L>;
  readonly right: SelfJoinSide<T, R>;
}

/** How a regular join is added to the graph. @throws UserError JOB_DEFINITION when a schema is missing. */
export function declareRegularJoin<L, R, OUT, Y extends JoinType>(
  join: RegularJoinFunction<L, R, OUT, Y>,
  options: RegularJoinOptions<L, R, Y>,
): OneInputDeclaration<OUT> {
  return declare(join, options, undefined);
}

/** The same for a join of one stream with itself. @throws UserError JOB_DEFINITION also when a side does not say what is on it. */
export function declareSelfJoin<T, L, R, OUT, Y extends JoinType>(
  join: RegularJoinFunction<L, R, OUT, Y>,
  options: SelfJoinOptions<T, L, R, Y>,
): OneInputDeclaration<OUT> {
  const isLeft = options?.left?.is;
  const isRight = options?.right?.is;
  if (typeof isLeft === 'function' && typeof isRight === 'function')
    return declare(join, options, { isLeft: isLeft as never, isRight: isRight as never });
  throw new UserError('JOB_DEFINITION', `self join '${options?.uid}' does not know which records are on which side`, {
    hint: "Pass { left: { is: (record) => record.type === 'bid', ... }, right: { is: ..., ... } }.",
  });
}

function declare<L, R, OUT, Y extends JoinType>(
  join: RegularJoinFunction<L, R, OUT, Y>,
  options: RegularJoinOptions<L, R, Y>,
  sides: SidesOfOneInput | undefined,
): OneInputDeclaration<OUT> {
  const { type, where } = options ?? {};
  const left = sideSettings('left', options?.left, options?.uid);
  const right = sideSettings('right', options?.right, options?.uid);
  return {
    kind: type === undefined || type === 'inner' ? 'regular-join' : `${type}-outer-regular-join`,
    options,
    isStateful: true,
    factory: () =>
      new RegularJoinOperator<L, R, OUT>({ joinType: type ?? 'inner', left, right, where, join: join as never, sides }),
  };
}

function sideSettings<T>(
  name: 'left' | 'right',
  side: RegularJoinSide<T> | undefined,
  uid: string,
): Omit<JoinSideSettings<T>, 'name' | 'isOuter'> {
  if (side?.schema === undefined) {
    throw new UserError('JOB_DEFINITION', `regular join '${uid}' keeps rows of its ${name} side but has no schema`, {
      hint: 'Pass { left: { schema }, right: { schema } } with the schemas of the rows of both sides.',
    });
  }
  const { schema, unique, insertOnly, filter, ttl } = side;
  return {
    schema,
    isUnique: unique === true,
    isInsertOnly: insertOnly === true,
    filter,
    ttl: stateTtl({ ttl }),
  };
}
